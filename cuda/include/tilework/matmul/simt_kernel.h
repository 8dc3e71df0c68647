// The matrix product on the ordinary arithmetic units: exact f32 (fused multiply-add), f64 and the integers, any strides.
//
// A block computes a tile of M x N, K deep at a time. Both factors are brought to shared memory with m or n running fastest, so that
// a thread reads runs of 16 bytes of each and multiplies every element of one with every element of the other: TM x TN products
// from TM + TN elements. Copies run STAGES - 1 blocks of K ahead of the arithmetic and hold no registers meanwhile.
//
// Where there are too few tiles to occupy a multiprocessor's warps, SLICES groups of threads share a tile: each multiplies its part of
// every block of K, and the partial sums are added in order at the end.
//
// A warp covers 4 x 8 threads; a thread's rows and columns lie in runs of one vector, spread over the warp's tile, so that a
// warp's reads of shared memory are broadcasts or neighbouring vectors.
#pragma once

#include <type_traits>

#include "tilework/cp_async.h"
#include "tilework/matmul/epilogue.h"
#include "tilework/matmul/schedule.h"
#include "tilework/shared_address.h"

namespace tw {

template <typename T, int M, int N, int K, int TM, int TN, int STAGES_, int SLICES_>
struct SimtShape {
    using Acc = Accumulator<T>;
    // Copies of less than four bytes are not asynchronous, so narrow types are widened on the way.
    using Shared = std::conditional_t<sizeof(T) < 4, Acc, T>;
    static constexpr int STAGES = STAGES_;
    static constexpr int SLICES = SLICES_;
    static constexpr int V = 16 / sizeof(Shared);
    static constexpr int WARPS_M = M / (4 * TM);
    static constexpr int WARPS_N = N / (8 * TN);
    static constexpr int SLICE_THREADS = 32 * WARPS_M * WARPS_N;
    static constexpr int THREADS = SLICES * SLICE_THREADS;
    // One vector of padding turns the columns that a transposing copy writes to different banks.
    static constexpr int A_PITCH = M + V;
    static constexpr int B_PITCH = N + V;
    static constexpr int A_ELEMENTS = K * A_PITCH;
    static constexpr int STAGE_ELEMENTS = K * (A_PITCH + B_PITCH);
    static constexpr uint32_t SHARED_BYTES = STAGES * STAGE_ELEMENTS * sizeof(Shared);
    static_assert((SLICES - 1) * TM * TN * SLICE_THREADS * sizeof(Acc) <= SHARED_BYTES, "partial sums fit where the stages were");
};

// Copies blocks of K x L elements of a factor, l running fastest in shared memory, where l is m of a or n of b.
//
// Each thread begins at a place of its own in the block and goes on in equal steps, so that it keeps one pointer.
template <typename T, typename Shared, int L, int K, int PITCH, int THREADS>
struct SimtLoader {
    static constexpr int V = 16 / sizeof(Shared);
    static constexpr int VECTORS = K * L / V / THREADS;
    static constexpr int ELEMENTS = K * L / THREADS;
    static_assert(THREADS % (L / V) == 0 && THREADS % L == 0 && THREADS % K == 0, "every step is in one direction");

    enum Order { BY_VECTORS, K_FASTEST, L_FASTEST } order;
    const T* from;
    int64_t l_stride, k_stride;
    // The thread's place in the block, and the tile's elements along l from it on.
    int l, k, l_left;

    __device__ __forceinline__ SimtLoader(const T* base, int64_t l_stride, int64_t k_stride, bool aligned, int64_t l_count)
        : l_stride(l_stride), k_stride(k_stride) {
        int64_t l_size = l_stride < 0 ? -l_stride : l_stride, k_size = k_stride < 0 ? -k_stride : k_stride;
        // Neighbouring threads take neighbouring addresses.
        order = sizeof(T) == sizeof(Shared) && aligned && l_stride == 1 ? BY_VECTORS : k_size < l_size ? K_FASTEST : L_FASTEST;
        int thread = threadIdx.x;
        l = order == BY_VECTORS ? thread % (L / V) * V : order == K_FASTEST ? thread / K : thread % L;
        k = order == BY_VECTORS ? thread / (L / V) : order == K_FASTEST ? thread % K : thread / L;
        from = base + l * l_stride + k * k_stride;
        l_left = int(l_count < L ? l_count : L) - l;
    }

    static __device__ __forceinline__ void element(Shared* to, const T* at, bool present) {
        if constexpr (sizeof(T) == sizeof(Shared)) {
            copy_async<sizeof(T)>(shared_address(to), at, present ? sizeof(T) : 0);
        } else {
            *to = present ? Shared(*at) : Shared(0);
        }
    }

    // Copies the next block to `to`; `k_count` of its K are inside the factor.
    __device__ __forceinline__ void next(Shared* to, int k_count) {
        to += k * PITCH + l;
        int k_left = k_count - k;
        const T* at = from;
        if (order == BY_VECTORS) {
            constexpr int STEP = THREADS / (L / V);
            uint32_t bytes = l_left >= V ? 16 : l_left > 0 ? l_left * int(sizeof(T)) : 0;
#pragma unroll
            for (int i = 0; i < VECTORS; ++i, at += STEP * k_stride) {
                copy_async<16>(shared_address(to + i * STEP * PITCH), at, i * STEP < k_left ? bytes : 0);
            }
        } else if (order == K_FASTEST) {
            constexpr int STEP = THREADS / K;
            int left = k_left > 0 ? l_left : 0;
#pragma unroll
            for (int i = 0; i < ELEMENTS; ++i, at += STEP * l_stride) element(to + i * STEP, at, i * STEP < left);
        } else {
            constexpr int STEP = THREADS / L;
            int left = l_left > 0 ? k_left : 0;
#pragma unroll
            for (int i = 0; i < ELEMENTS; ++i, at += STEP * k_stride) element(to + i * STEP * PITCH, at, i * STEP < left);
        }
        from += K * k_stride;
    }
};

template <typename T, int M, int N, int K, int TM, int TN, int STAGES, int SLICES>
__device__ __forceinline__ void simt_matmul(const TwMatmul& p) {
    using Shape = SimtShape<T, M, N, K, TM, TN, STAGES, SLICES>;
    using Acc = typename Shape::Acc;
    using Shared = typename Shape::Shared;
    constexpr int V = Shape::V;
    extern __shared__ __align__(16) char dynamic_shared[];
    Shared* shared = reinterpret_cast<Shared*>(dynamic_shared);

    Tile tile = tile_at(blockIdx.x, p.tiles_m, p.tiles_n, p.group);
    uint32_t outer = tile.batch / p.batch[1], inner = tile.batch % p.batch[1];
    int64_t m = int64_t(tile.m) * M, n = int64_t(tile.n) * N;
    auto base = [&](const TwMatrix& x) {
        return reinterpret_cast<const T*>(x.pointer) + int64_t(outer) * x.batch[0] + int64_t(inner) * x.batch[1];
    };
    SimtLoader<T, Shared, M, K, Shape::A_PITCH, Shape::THREADS> a(base(p.a) + m * p.a.row, p.a.row, p.a.column, p.a.aligned,
                                                                  int64_t(p.m) - m);
    SimtLoader<T, Shared, N, K, Shape::B_PITCH, Shape::THREADS> b(base(p.b) + n * p.b.column, p.b.column, p.b.row, p.b.aligned,
                                                                  int64_t(p.n) - n);

    uint32_t slice = threadIdx.x / Shape::SLICE_THREADS, thread = threadIdx.x % Shape::SLICE_THREADS;
    uint32_t lane = thread % 32, warp = thread / 32;
    uint32_t row = warp / Shape::WARPS_N * (4 * TM) + lane / 8 * V;
    uint32_t column = warp % Shape::WARPS_N * (8 * TN) + lane % 8 * V;

    // Run r of a thread's products: row (r / (TN / V)) of its TM, vector r mod (TN / V) of its columns.
    Acc products[TM * TN / V][V] = {};
    int64_t k_left = p.k;
    uint32_t blocks = uint32_t((p.k + K - 1) / K);
    auto load = [&](uint32_t stage) {
        if (k_left > 0) {
            Shared* to = shared + stage * Shape::STAGE_ELEMENTS;
            int count = k_left < K ? int(k_left) : K;
            a.next(to, count);
            b.next(to + Shape::A_ELEMENTS, count);
            k_left -= K;
        }
        // An empty group keeps the count of groups equal to the count of blocks.
        copy_async_commit();
    };
#pragma unroll
    for (int i = 0; i < STAGES - 1; ++i) load(i);
    uint32_t reading = 0, writing = STAGES - 1;
    for (uint32_t block = 0; block < blocks; ++block) {
        copy_async_wait<STAGES - 2>();
        __syncthreads();
        load(writing);
        writing = writing + 1 == STAGES ? 0 : writing + 1;
        const Shared* stage = shared + reading * Shape::STAGE_ELEMENTS;
        const Shared* a_block = stage + slice * (K / SLICES) * Shape::A_PITCH + row;
        const Shared* b_block = stage + Shape::A_ELEMENTS + slice * (K / SLICES) * Shape::B_PITCH + column;
        reading = reading + 1 == STAGES ? 0 : reading + 1;
        Shared x[2][TM], y[2][TN];
        Vector<Shared, V> run;
        auto fetch = [&](int k) {
#pragma unroll
            for (int i = 0; i < TM; ++i) {
                if (i % V == 0) run = load_vector<Shared, V>(a_block + k * Shape::A_PITCH + i * 4);
                x[k % 2][i] = run.at[i % V];
            }
#pragma unroll
            for (int j = 0; j < TN; ++j) {
                if (j % V == 0) run = load_vector<Shared, V>(b_block + k * Shape::B_PITCH + j * 8);
                y[k % 2][j] = run.at[j % V];
            }
        };
        fetch(0);
#pragma unroll
        for (int k = 0; k < K / SLICES; ++k) {
            if (k + 1 < K / SLICES) fetch(k + 1);
#pragma unroll
            for (int i = 0; i < TM; ++i) {
#pragma unroll
                for (int j = 0; j < TN; ++j) {
                    Acc& sum = products[i * (TN / V) + j / V][j % V];
                    if constexpr (std::is_floating_point_v<Acc>) {
                        sum = ::fma(x[k % 2][i], y[k % 2][j], sum);
                    } else {
                        sum += Acc(x[k % 2][i]) * Acc(y[k % 2][j]);
                    }
                }
            }
        }
    }
    if constexpr (SLICES > 1) {
        constexpr int RUNS = TM * TN / V;
        auto partial = [&](int from, int r) {
            return reinterpret_cast<Acc*>(dynamic_shared) + (((from - 1) * RUNS + r) * Shape::SLICE_THREADS + thread) * V;
        };
        __syncthreads();
        if (slice > 0) {
#pragma unroll
            for (int r = 0; r < RUNS; ++r) {
                Vector<Acc, V> sums;
#pragma unroll
                for (int c = 0; c < V; ++c) sums.at[c] = products[r][c];
                store_vector(partial(slice, r), sums);
            }
        }
        __syncthreads();
        if (slice > 0) return;
#pragma unroll
        for (int from = 1; from < SLICES; ++from) {
#pragma unroll
            for (int r = 0; r < RUNS; ++r) {
                auto sums = load_vector<Acc, V>(partial(from, r));
#pragma unroll
                for (int c = 0; c < V; ++c) products[r][c] += sums.at[c];
            }
        }
    }
    Epilogue<T> epilogue(p, tile.batch);
    epilogue.template write_all<V>(products, [&](int r) {
        int i = r / (TN / V), j = r % (TN / V);
        return longlong2{m + row + i / V * (4 * V) + i % V, n + column + j * (8 * V)};
    });
}

}  // namespace tw
