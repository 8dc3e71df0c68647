// The matrix product of 16-bit factors on the tensor cores of sm_80 and later, for any strides.
//
// A block of eight warps computes a tile of 128 x 128, 32 deep at a time; a warp owns 64 x 32 of it. Where both factors can be
// copied by 16 bytes, a ring of four buffers is filled by asynchronous copies. Any other strides are read element by element into
// registers while the previous block is being multiplied, and stored to the second of two buffers after it.
#pragma once

#include "tilework/cp_async.h"
#include "tilework/matmul/epilogue.h"
#include "tilework/matmul/mma_chunk.h"
#include "tilework/matmul/schedule.h"
#include "tilework/mma.h"
#include "tilework/shared_address.h"

namespace tw {

struct MmaShape {
    static constexpr int L = 128;
    static constexpr int K = 32;
    static constexpr int THREADS = 256;
    static constexpr uint32_t FACTOR_BYTES = L * K * 2;
    static constexpr uint32_t STAGE_BYTES = 2 * FACTOR_BYTES;
};

// Brings blocks of 128 x 32 of a factor to shared memory.
template <typename T, Major MAJOR, bool WIDE>
struct MmaLoader {
    static constexpr int L = MmaShape::L, K = MmaShape::K, THREADS = MmaShape::THREADS;
    // Neighbouring threads take neighbouring chunks (wide) or elements along the major direction.
    static constexpr int STEP = WIDE ? 8 : 1;
    static constexpr int RUN = (MAJOR == K_MAJOR ? K : L) / STEP;
    static constexpr int LINES = THREADS / RUN;
    static constexpr int COUNT = L * K / STEP / THREADS;

    const T* from;
    // Strides along the major direction (1 where wide), across it, and along k.
    int64_t along, across, k_stride;
    // The thread's place in the block, and the elements of the tile along l.
    int x, y, l_count;
    T held[WIDE ? 1 : COUNT];

    __device__ __forceinline__ MmaLoader(const T* base, int64_t l_stride, int64_t k_stride, int64_t l_count)
        : along(MAJOR == K_MAJOR ? k_stride : l_stride),
          across(MAJOR == K_MAJOR ? l_stride : k_stride),
          k_stride(k_stride),
          x(threadIdx.x % RUN * STEP),
          y(threadIdx.x / RUN),
          l_count(l_count < L ? int(l_count) : L) {
        from = base + x * along + y * across;
    }

    // Starts the copies of the next block, `k_count` deep, to `to`, or holds its elements until `store`.
    __device__ __forceinline__ void fetch(uint32_t to, int k_count) {
        int x_count = MAJOR == K_MAJOR ? k_count : l_count, y_count = MAJOR == K_MAJOR ? l_count : k_count;
        const T* at = from;
#pragma unroll
        for (int i = 0; i < COUNT; ++i, at += LINES * across) {
            int line = y + i * LINES;
            if constexpr (WIDE) {
                int present = line < y_count ? x_count - x : 0;
                uint32_t bytes = present >= 8 ? 16 : present > 0 ? 2 * present : 0;
                uint32_t l = MAJOR == K_MAJOR ? line : x, k = MAJOR == K_MAJOR ? x : line;
                copy_async<16>(to + mma_chunk(MAJOR, l, k), at, bytes);
            } else {
                held[i] = line < y_count && x < x_count ? *at : T{};
            }
        }
        from += K * k_stride;
    }

    // Writes what `fetch` holds to `to`.
    __device__ __forceinline__ void store(char* to) {
#pragma unroll
        for (int i = 0; i < COUNT; ++i) {
            uint32_t line = y + i * LINES;
            uint32_t l = MAJOR == K_MAJOR ? line : x, k = MAJOR == K_MAJOR ? x : line;
            *reinterpret_cast<T*>(to + mma_chunk(MAJOR, l, k) + 2 * (x % 8)) = held[i];
        }
    }
};

template <typename T, Major A, Major B, bool WIDE>
__device__ __forceinline__ void mma_matmul(const TwMatmul& p) {
    using Shape = MmaShape;
    constexpr int L = Shape::L, K = Shape::K;
    constexpr int STAGES = WIDE ? 4 : 2;
    extern __shared__ __align__(128) char dynamic_shared[];
    uint32_t shared = shared_address(dynamic_shared);

    Tile tile = tile_at(blockIdx.x, p.tiles_m, p.tiles_n, p.group);
    uint32_t outer = tile.batch / p.batch[1], inner = tile.batch % p.batch[1];
    int64_t m = int64_t(tile.m) * L, n = int64_t(tile.n) * L;
    auto base = [&](const TwMatrix& x) {
        return reinterpret_cast<const T*>(x.pointer) + int64_t(outer) * x.batch[0] + int64_t(inner) * x.batch[1];
    };
    MmaLoader<T, A, WIDE> a(base(p.a) + m * p.a.row, p.a.row, p.a.column, int64_t(p.m) - m);
    MmaLoader<T, B, WIDE> b(base(p.b) + n * p.b.column, p.b.column, p.b.row, int64_t(p.n) - n);

    uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    uint32_t warp_m = warp / 4 * 64, warp_n = warp % 4 * 32;

    int64_t k_left = p.k;
    uint32_t blocks = uint32_t((p.k + K - 1) / K);
    auto fetch = [&](uint32_t stage) {
        if (k_left > 0) {
            int count = k_left < K ? int(k_left) : K;
            a.fetch(shared + stage * Shape::STAGE_BYTES, count);
            b.fetch(shared + stage * Shape::STAGE_BYTES + Shape::FACTOR_BYTES, count);
            k_left -= K;
        }
        // An empty group keeps the count of groups equal to the count of blocks.
        if constexpr (WIDE) copy_async_commit();
    };
    auto store = [&](uint32_t stage) {
        a.store(dynamic_shared + stage * Shape::STAGE_BYTES);
        b.store(dynamic_shared + stage * Shape::STAGE_BYTES + Shape::FACTOR_BYTES);
    };

    float d[4][4][4] = {};
    auto multiply = [&](uint32_t stage) {
        uint32_t a_block = shared + stage * Shape::STAGE_BYTES, b_block = a_block + Shape::FACTOR_BYTES;
#pragma unroll
        for (int k = 0; k < K; k += 16) {
            uint32_t x[4][4], y[2][4];
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                uint32_t row = warp_m + 16 * i;
                uint32_t at = A == K_MAJOR ? mma_chunk(A, row + lane % 16, k + lane / 16 * 8)
                                           : mma_chunk(A, row + lane / 8 % 2 * 8, k + lane % 8 + lane / 16 * 8);
                load_matrices<A == MN_MAJOR>(x[i], a_block + at);
            }
#pragma unroll
            for (int j = 0; j < 2; ++j) {
                uint32_t column = warp_n + 16 * j;
                uint32_t at = B == K_MAJOR ? mma_chunk(B, column + lane % 8 + lane / 16 * 8, k + lane / 8 % 2 * 8)
                                           : mma_chunk(B, column + lane / 16 * 8, k + lane % 16);
                load_matrices<B == MN_MAJOR>(y[j], b_block + at);
            }
#pragma unroll
            for (int i = 0; i < 4; ++i) {
#pragma unroll
                for (int j = 0; j < 4; ++j) mma<T>(d[i][j], x[i], y[j / 2][j % 2 * 2], y[j / 2][j % 2 * 2 + 1]);
            }
        }
    };

    if constexpr (WIDE) {
#pragma unroll
        for (int i = 0; i < STAGES - 1; ++i) fetch(i);
        for (uint32_t block = 0; block < blocks; ++block) {
            copy_async_wait<STAGES - 2>();
            __syncthreads();
            fetch((block + STAGES - 1) % STAGES);
            multiply(block % STAGES);
        }
    } else {
        if (blocks > 0) {
            fetch(0);
            store(0);
        }
        for (uint32_t block = 0; block < blocks; ++block) {
            __syncthreads();
            bool more = block + 1 < blocks;
            if (more) fetch(0);
            multiply(block % 2);
            if (more) store((block + 1) % 2);
        }
    }

    float pairs[32][2];
#pragma unroll
    for (int r = 0; r < 32; ++r) {
        pairs[r][0] = d[r / 8][r / 2 % 4][r % 2 * 2];
        pairs[r][1] = d[r / 8][r / 2 % 4][r % 2 * 2 + 1];
    }
    Epilogue<T> epilogue(p, tile.batch);
    epilogue.template write_all<2>(pairs, [&](int r) {
        return longlong2{m + warp_m + r / 8 * 16 + r % 2 * 8 + lane / 4, n + warp_n + r / 2 % 4 * 8 + lane % 4 * 2};
    });
}

}  // namespace tw
