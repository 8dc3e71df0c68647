// The pass that prepares an f32 product on the tensor cores (tilework/matmul/split.h): it writes the planes of both factors, and
// sees from the elements which scheme the product can have.
//
// A cluster handles 32 rows of one factor, each of its blocks a chunk of k, 128 of k at a time. All must know a row's greatest
// element before any piece can be made, so a block looks at its chunk twice. The first SPLIT_KEPT steps of it stay in registers
// meanwhile, which is all of the chunk unless k is large; the rest is read again, from the L2 cache.
//
// Threads share 32 x 128 elements as the planes lie: a row belongs to four lanes of two warps, and each lane splits runs of 8
// elements, 16 bytes of a plane. Where lines along k are aligned, lanes read their runs straight from memory; any other strides go
// through shared memory, read in the order of memory.
#pragma once

#include "tilework/abi.h"
#include "tilework/cluster.h"
#include "tilework/dependent.h"
#include "tilework/matmul/split.h"
#include "tilework/shared_address.h"
#include "tilework/vector.h"

namespace tw {

constexpr uint32_t SPLIT_ROWS = 32;
constexpr uint32_t SPLIT_STEP = 128;
constexpr uint32_t SPLIT_THREADS = 256;
constexpr uint32_t SPLIT_KEPT = 4;
constexpr uint32_t SPLIT_MOST_BLOCKS = 8;
// Floats from one row to the next in shared memory: odd, so that neither rows nor columns meet in a bank.
constexpr uint32_t SPLIT_LINE = SPLIT_STEP + 1;

// The 32 rows of a factor that a cluster does.
struct SplitPart {
    uint32_t factor;
    uint32_t matrix;
    uint64_t row;
};

__device__ __forceinline__ uint32_t split_padded(const TwSplitFactor& x) { return x.blocks * x.height; }

__device__ __forceinline__ uint32_t split_groups(const TwSplitFactor& x) { return (split_padded(x) + SPLIT_ROWS - 1) / SPLIT_ROWS; }

__device__ __forceinline__ uint32_t split_parts(const TwSplitFactor& x) { return split_groups(x) * x.matrices[0] * x.matrices[1]; }

__device__ __forceinline__ SplitPart split_part(const TwSplit& p, uint32_t index) {
    uint32_t first = split_parts(p.factors[0]);
    uint32_t factor = index >= first;
    if (factor) index -= first;
    uint32_t groups = split_groups(p.factors[factor]);
    return {factor, index / groups, uint64_t(index % groups) * SPLIT_ROWS};
}

// Runs of 8 elements along k: run j of a thread is that of row `row` from k + 32 j on.
struct SplitRuns {
    float at[2][8];
};

// Reads the runs of 128 of k of a block's rows.
struct SplitReader {
    const TwSplitFactor& x;
    const float* base;
    // The first row; the elements of k of a matrix.
    uint64_t first;
    uint64_t k;
    // This thread's row within the block, and its first element of 128.
    uint32_t row;
    uint32_t run;

    __device__ __forceinline__ SplitReader(const TwSplit& p, const SplitPart& part)
        : x(p.factors[part.factor]), first(part.row), k(p.k) {
        uint32_t outer = part.matrix / x.matrices[1], inner = part.matrix % x.matrices[1];
        base = reinterpret_cast<const float*>(x.pointer) + int64_t(outer) * x.batch[0] + int64_t(inner) * x.batch[1];
        uint32_t warp = threadIdx.x / 32, lane = threadIdx.x % 32;
        row = 8 * (warp % 4) + lane / 4;
        run = 64 * (warp / 4) + 8 * (lane % 4);
    }

    // Whether the block's rows and `count` steps from `from` on are all there.
    __device__ __forceinline__ bool is_whole(uint64_t from, uint64_t end, int count) const {
        return first + SPLIT_ROWS <= x.rows && from + count * SPLIT_STEP <= min(k, end);
    }

    // Where lines along k are aligned.
    __device__ __forceinline__ void read_direct(bool whole, uint64_t from, uint64_t end, SplitRuns& runs) const {
        const float* line = base + int64_t(first + row) * x.row;
        if (whole) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                auto four = load_vector<float, 4>(line + from + run + 32 * (i / 2) + 4 * (i % 2));
#pragma unroll
                for (int q = 0; q < 4; ++q) runs.at[i / 2][4 * (i % 2) + q] = four.at[q];
            }
            return;
        }
        uint64_t k = min(this->k, end);
#pragma unroll
        for (int j = 0; j < 2; ++j) {
            uint64_t at = from + run + 32 * j;
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                float4 four = make_float4(0, 0, 0, 0);
                uint64_t place = at + 4 * half;
                if (first + row < x.rows && place + 4 <= k) {
                    four = *reinterpret_cast<const float4*>(line + place);
                } else if (first + row < x.rows) {
                    if (place < k) four.x = line[place];
                    if (place + 1 < k) four.y = line[place + 1];
                    if (place + 2 < k) four.z = line[place + 2];
                }
                runs.at[j][4 * half] = four.x;
                runs.at[j][4 * half + 1] = four.y;
                runs.at[j][4 * half + 2] = four.z;
                runs.at[j][4 * half + 3] = four.w;
            }
        }
    }

    // What read_shared takes from memory before the block has done with the elements before: 16 a thread.
    __device__ __forceinline__ void prefetch(bool whole, uint64_t from, uint64_t end, float (&ahead)[16]) const {
        uint32_t warp = threadIdx.x / 32, lane = threadIdx.x % 32;
        if (x.direction == 2 && whole) {
            const float* place = base + int64_t(from + 4 * warp + lane / 8) * x.depth + int64_t(first + 4 * (lane % 8));
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                auto four = load_vector<float, 4>(place + 32 * i * x.depth);
#pragma unroll
                for (int q = 0; q < 4; ++q) ahead[4 * i + q] = four.at[q];
            }
            return;
        }
        uint64_t k = min(this->k, end);
        if (x.direction == 2) {
            // Four rows a lane, eight lanes a line.
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                uint64_t at = from + 4 * warp + lane / 8 + 32 * i;
                uint64_t r = first + 4 * (lane % 8);
                const float* place = base + int64_t(at) * x.depth + int64_t(r);
                float4 four = make_float4(0, 0, 0, 0);
                if (at < k && r + 4 <= x.rows) {
                    four = *reinterpret_cast<const float4*>(place);
                } else if (at < k) {
                    if (r < x.rows) four.x = place[0];
                    if (r + 1 < x.rows) four.y = place[1];
                    if (r + 2 < x.rows) four.z = place[2];
                }
                ahead[4 * i] = four.x, ahead[4 * i + 1] = four.y, ahead[4 * i + 2] = four.z, ahead[4 * i + 3] = four.w;
            }
            return;
        }
        bool along_k = x.depth == 1;
#pragma unroll
        for (int i = 0; i < 16; ++i) {
            // Lanes run along k, four pieces of 32 a row, or along the rows.
            uint64_t r = first + (along_k ? 8 * (i / 4) + warp : lane);
            uint64_t at = from + (along_k ? 32 * (i % 4) + lane : 8 * i + warp);
            ahead[i] = r < x.rows && at < k ? base[int64_t(r) * x.row + int64_t(at) * x.depth] : 0.0f;
        }
    }

    __device__ __forceinline__ void read_shared(const float (&ahead)[16], float* shared, SplitRuns& runs) const {
        uint32_t warp = threadIdx.x / 32, lane = threadIdx.x % 32;
        __syncthreads();
        if (x.direction == 2) {
#pragma unroll
            for (int i = 0; i < 16; ++i) {
                shared[(4 * (lane % 8) + i % 4) * SPLIT_LINE + 4 * warp + lane / 8 + 32 * (i / 4)] = ahead[i];
            }
        } else {
            bool along_k = x.depth == 1;
#pragma unroll
            for (int i = 0; i < 16; ++i) {
                uint32_t r = along_k ? 8 * (i / 4) + warp : lane;
                uint32_t at = along_k ? 32 * (i % 4) + lane : 8 * i + warp;
                shared[r * SPLIT_LINE + at] = ahead[i];
            }
        }
        __syncthreads();
#pragma unroll
        for (int j = 0; j < 2; ++j) {
#pragma unroll
            for (int i = 0; i < 8; ++i) runs.at[j][i] = shared[row * SPLIT_LINE + run + 32 * j + i];
        }
    }

    // Reads COUNT steps from `from` on; zeros from `end` on. All memory is asked for at once.
    template <int COUNT>
    __device__ __forceinline__ void read(uint64_t from, uint64_t end, float* shared, SplitRuns* runs) const {
        bool whole = is_whole(from, end, COUNT);
        if (x.direction == 1) {
            // Branches around all the loads, not around each.
            if (whole) {
#pragma unroll
                for (int i = 0; i < COUNT; ++i) read_direct(true, from + i * SPLIT_STEP, end, runs[i]);
            } else {
#pragma unroll
                for (int i = 0; i < COUNT; ++i) read_direct(false, from + i * SPLIT_STEP, end, runs[i]);
            }
            return;
        }
        float ahead[COUNT][16];
        if (whole) {
#pragma unroll
            for (int i = 0; i < COUNT; ++i) prefetch(true, from + i * SPLIT_STEP, end, ahead[i]);
        } else {
#pragma unroll
            for (int i = 0; i < COUNT; ++i) prefetch(false, from + i * SPLIT_STEP, end, ahead[i]);
        }
#pragma unroll
        for (int i = 0; i < COUNT; ++i) read_shared(ahead[i], shared, runs[i]);
    }
};

template <SplitScheme SCHEME>
struct SplitPieces {
    using type = f16;
    static constexpr int PLANES = 2;
};
template <>
struct SplitPieces<SPLIT_BF16> {
    using type = bf16;
    static constexpr int PLANES = 3;
};

// Combines a row's value over its four lanes and both warps; the lanes of the first warp get it. `shared` has 32 words.
template <typename Combine>
__device__ __forceinline__ uint32_t split_combine(uint32_t value, uint32_t* shared, Combine combine) {
    value = combine(value, __shfl_xor_sync(~0u, value, 1));
    value = combine(value, __shfl_xor_sync(~0u, value, 2));
    uint32_t warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    uint32_t row = 8 * (warp % 4) + lane / 4;
    __syncthreads();
    if (warp >= 4 && lane % 4 == 0) shared[row] = value;
    __syncthreads();
    return warp < 4 ? combine(value, shared[row]) : value;
}

// Writes the planes of a row's runs, a thread's share of them.
template <SplitScheme SCHEME>
struct SplitWriter {
    using T = typename SplitPieces<SCHEME>::type;
    static constexpr int PLANES = SplitPieces<SCHEME>::PLANES;

    SplitScale scale;
    char* to;
    uint32_t plane;
    // Blocks of 32 of k; none where the row is beyond the last block of planes.
    uint32_t depth;

    __device__ __forceinline__ SplitWriter(const TwSplit& p, const SplitPart& part, uint64_t row, int shift)
        : scale(shift), plane(p.factors[part.factor].height * 64) {
        const TwSplitFactor& x = p.factors[part.factor];
        uint32_t block = uint32_t(row) / x.height, within = uint32_t(row) % x.height;
        to = reinterpret_cast<char*>(x.planes[SCHEME]) + (uint64_t(part.matrix) * x.blocks + block) * p.depth * PLANES * plane +
             split_chunk(within, threadIdx.x % 4);
        depth = row < split_padded(x) ? p.depth : 0;
    }

    // Calls see(scaled) for each element.
    template <typename See>
    __device__ __forceinline__ void write(const SplitRuns& runs, uint64_t k, See see) const {
#pragma unroll
        for (int j = 0; j < 2; ++j) {
            Vector<uint32_t, 4> run[PLANES];
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                float first = scale(runs.at[j][2 * i]), second = scale(runs.at[j][2 * i + 1]);
                see(first);
                see(second);
                uint32_t pieces[PLANES];
                split<T>(first, second, pieces);
#pragma unroll
                for (int q = 0; q < PLANES; ++q) run[q].at[i] = pieces[q];
            }
            uint64_t at = k / SPLIT_K + j;
            if (at < depth) {
#pragma unroll
                for (int q = 0; q < PLANES; ++q) {
                    store_vector(reinterpret_cast<uint32_t*>(to + (at * PLANES + q) * plane), run[q]);
                }
            }
        }
    }
};

// Writes the greater pieces of SPLIT_F16 alone, as a matrix whose rows have all of k: [matrix][row][32 * depth].
struct SplitMatrixWriter {
    SplitScale scale;
    char* to;
    uint64_t end;

    __device__ __forceinline__ SplitMatrixWriter(const TwSplit& p, const SplitPart& part, uint64_t row, int shift) : scale(shift) {
        const TwSplitFactor& x = p.factors[part.factor];
        uint64_t length = uint64_t(p.depth) * SPLIT_K;
        to = reinterpret_cast<char*>(x.planes[SPLIT_F16]) + (uint64_t(part.matrix) * split_padded(x) + row) * length * 2;
        end = row < split_padded(x) ? length : 0;
    }

    template <typename See>
    __device__ __forceinline__ void write(const SplitRuns& runs, uint64_t k, See see) const {
#pragma unroll
        for (int j = 0; j < 2; ++j) {
            Vector<uint32_t, 4> run;
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                float first = scale(runs.at[j][2 * i]), second = scale(runs.at[j][2 * i + 1]);
                see(first);
                see(second);
                run.at[i] = narrow_pair<f16>(first, second);
            }
            uint64_t at = k + 32 * j;
            if (at < end) store_vector(reinterpret_cast<uint32_t*>(to + 2 * at), run);
        }
    }
};

// The planes of SPLIT_F16 as a writer lays them out, and what the verdict follows from.
template <class Writer, uint32_t KEPT>
__device__ __forceinline__ void split_pass(const TwSplit& p) {
    __shared__ float shared[SPLIT_ROWS * SPLIT_LINE];
    __shared__ uint32_t combined[SPLIT_ROWS];
    __shared__ uint32_t gathered[SPLIT_MOST_BLOCKS * SPLIT_ROWS];
    uint32_t rank = cluster_rank(), cluster = cluster_size();
    cluster_barrier_relaxed();
    wait_for_previous_kernel();
    admit_next_kernel();
    SplitPart part = split_part(p, blockIdx.x / cluster);
    const TwSplitFactor& x = p.factors[part.factor];
    SplitReader reader(p, part);
    uint64_t first = uint64_t(rank) * p.chunk;
    uint64_t end = min(first + p.chunk, uint64_t(p.depth) * SPLIT_K);

    SplitRuns kept[KEPT], more;
    uint32_t greatest = 0, least = ~0u;
    auto look = [&](const SplitRuns& runs) {
#pragma unroll
        for (int i = 0; i < 16; ++i) {
            uint32_t magnitude = bit_cast<uint32_t>(runs.at[i / 8][i % 8]) & 0x7FFFFFFFu;
            greatest = max(greatest, magnitude);
            // Zero becomes the greatest of all.
            least = min(least, magnitude - 1);
        }
    };
    reader.read<KEPT>(first, end, shared, kept);
#pragma unroll
    for (uint32_t i = 0; i < KEPT; ++i) look(kept[i]);
    for (uint64_t from = first + KEPT * SPLIT_STEP; from < end; from += SPLIT_STEP) {
        reader.read<1>(from, end, shared, &more);
        look(more);
    }
    greatest = split_combine(greatest, combined, [](uint32_t a, uint32_t b) { return max(a, b); });
    __syncthreads();
    if (threadIdx.x < 128 && threadIdx.x % 4 == 0) combined[reader.row] = greatest;
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < SPLIT_ROWS * cluster; i += SPLIT_THREADS) {
        uint32_t to = shared_address(&gathered[rank * SPLIT_ROWS + i % SPLIT_ROWS]);
        store_remote(remote_shared_address(to, i / SPLIT_ROWS), combined[i % SPLIT_ROWS]);
    }
    cluster_barrier();
    for (uint32_t i = 0; i < cluster; ++i) greatest = i == 0 ? gathered[reader.row] : max(greatest, gathered[i * SPLIT_ROWS + reader.row]);

    uint64_t row = part.row + reader.row;
    bool special = greatest >= 0x7F800000u;
    int shift = special ? 0 : split_shift(SPLIT_F16, greatest);
    Writer writer(p, part, row, shift);
    constexpr float NEAR[2] = {float(1 << (split_top(SPLIT_F16) - split_near(SPLIT_F16))), 0x1p-62f};
    static_assert(split_top(SPLIT_F16) - split_near(SPLIT_BF16) == -62, "as above");
    // Counts, exact as floats; a comparison can give 1.0 or 0.0 at once.
    float near_f16 = 0, near_bf16 = 0;
    auto see = [&](float scaled) {
        near_f16 += fabsf(scaled) >= NEAR[0] ? 1.0f : 0.0f;
        near_bf16 += fabsf(scaled) >= NEAR[1] ? 1.0f : 0.0f;
    };
#pragma unroll
    for (uint32_t i = 0; i < KEPT; ++i) {
        uint64_t from = first + i * SPLIT_STEP;
        if (from < end) writer.write(kept[i], from + reader.run, see);
    }
    for (uint64_t from = first + KEPT * SPLIT_STEP; from < end; from += SPLIT_STEP) {
        reader.read<1>(from, end, shared, &more);
        writer.write(more, from + reader.run, see);
    }
    if (rank == 0 && threadIdx.x < 128 && threadIdx.x % 4 == 0 && row < split_padded(x)) {
        reinterpret_cast<int32_t*>(x.shifts)[uint64_t(part.matrix) * split_padded(x) + row] = shift;
    }

    // What has been seen so far, for the thread that will add to it: the words of a SplitSeen, in order. Most blocks find nothing new,
    // and should neither wait for memory at their end nor queue up with atomics.
    auto* word = reinterpret_cast<uint32_t*>(&reinterpret_cast<SplitState*>(p.seen)->factors[part.factor]) + threadIdx.x;
    uint32_t so_far = threadIdx.x < 5 ? *const_cast<volatile uint32_t*>(word) : 0;
    // Both in a word.
    uint32_t near = uint32_t(near_f16) + (uint32_t(near_bf16) << 16);
    near = split_combine(near, combined, [](uint32_t a, uint32_t b) { return a + b; });
    least = split_combine(least, combined, [](uint32_t a, uint32_t b) { return min(a, b); }) + 1;
    if (threadIdx.x < 128) {
        // Rows that are zero, or beyond the matrix, ask for nothing.
        bool counts = row < x.rows && greatest != 0 && first < p.k;
        bool sized = counts && !special;
        uint32_t length = uint32_t(min(uint64_t(p.chunk), p.k - first));
        uint32_t far_f16 = sized ? 256 - (near & 0xFFFF) * 256 / length : 0;
        uint32_t far_bf16 = sized ? 256 - (near >> 16) * 256 / length : 0;
        uint32_t spread = sized && least != 0 ? uint32_t(split_exponent(greatest) - split_exponent(least)) : 0;
        uint32_t magnitude = counts ? uint32_t(abs(shift)) : 0;
        uint32_t found[5] = {spread, far_f16, far_bf16, counts && special, magnitude};
#pragma unroll
        for (int i = 0; i < 5; ++i) {
            found[i] = __reduce_max_sync(~0u, found[i]);
            if (threadIdx.x % 32 == 0) gathered[32 * i + threadIdx.x / 32] = found[i];
        }
    }
    __syncthreads();
    if (threadIdx.x < 5) {
        uint32_t most = 0;
        for (uint32_t i = 0; i < 4; ++i) most = max(most, gathered[32 * threadIdx.x + i]);
        if (most > so_far) atomicMax(word, most);
    }
}

// The planes of SPLIT_BF16, from the shifts that split_pass has found.
__device__ __forceinline__ void split_again(const TwSplit& p) {
    __shared__ float shared[SPLIT_ROWS * SPLIT_LINE];
    uint32_t parts = split_parts(p.factors[0]) + split_parts(p.factors[1]);
    uint32_t chunks = (p.depth * SPLIT_K + p.chunk - 1) / p.chunk;
    for (uint32_t index = blockIdx.x; index < parts * chunks; index += gridDim.x) {
        SplitPart part = split_part(p, index / chunks);
        const TwSplitFactor& x = p.factors[part.factor];
        SplitReader reader(p, part);
        uint64_t first = uint64_t(index % chunks) * p.chunk;
        uint64_t end = min(first + p.chunk, uint64_t(p.depth) * SPLIT_K);
        uint64_t row = part.row + reader.row;
        bool inside = row < split_padded(x);
        int shift = inside ? reinterpret_cast<const int32_t*>(x.shifts)[uint64_t(part.matrix) * split_padded(x) + row] : 0;
        SplitWriter<SPLIT_BF16> writer(p, part, row, shift + split_top(SPLIT_BF16) - split_top(SPLIT_F16));
        for (uint64_t from = first; from < end; from += SPLIT_STEP) {
            SplitRuns runs;
            reader.read<1>(from, end, shared, &runs);
            writer.write(runs, from + reader.run, [](float) {});
        }
    }
}

}  // namespace tw
