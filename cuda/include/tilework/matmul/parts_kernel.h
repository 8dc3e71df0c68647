// Adds the parts of a product (tilework/matmul/parts.h), always in the same order, and finishes it.
//
// A thread has 16 bytes of the output. Where the parts are many and outputs few, the eight warps of a block share the parts, so that
// enough reads are under way.
#pragma once

#include "tilework/dependent.h"
#include "tilework/matmul/parts.h"

namespace tw {

constexpr int PARTS_THREADS = 256;
// Reads of a thread that are under way together.
constexpr int PARTS_READS = 8;

// SHARES is 1 or the warps of a block.
template <typename T, int SHARES>
__device__ __forceinline__ void matmul_parts(const TwMatmul& p) {
    constexpr int V = 16 / sizeof(T);
    constexpr uint32_t VECTORS = PARTS_THREADS / SHARES;
    wait_for_previous_kernel();
    admit_next_kernel();
    // The host keeps the sums below 2^32 vectors.
    uint32_t line = uint32_t(part_line<T>(p) / V), rows = uint32_t(p.m) * p.batch[0] * p.batch[1];
    uint32_t share = threadIdx.x / VECTORS, within = threadIdx.x % VECTORS;
    uint32_t index = blockIdx.x * VECTORS + within;
    bool inside = index < rows * line;
    auto from = reinterpret_cast<const T*>(p.partials) + uint64_t(index) * V;
    uint64_t step = uint64_t(rows) * line * V;
    T sums[V] = {};
    for (uint32_t part = share; inside && part < p.splits; part += PARTS_READS * SHARES) {
        Vector<T, V> values[PARTS_READS];
#pragma unroll
        for (uint32_t i = 0; i < PARTS_READS; ++i) {
            uint32_t at = part + i * SHARES;
            values[i] = at < p.splits ? load_vector<T, V>(from + at * step) : Vector<T, V>{};
        }
#pragma unroll
        for (int i = 0; i < PARTS_READS; ++i) {
#pragma unroll
            for (int c = 0; c < V; ++c) sums[c] += values[i].at[c];
        }
    }
    if constexpr (SHARES > 1) {
        __shared__ Vector<T, V> shared[SHARES][VECTORS];
#pragma unroll
        for (int c = 0; c < V; ++c) shared[share][within].at[c] = sums[c];
        __syncthreads();
        if (share > 0) return;
#pragma unroll
        for (int other = 1; other < SHARES; ++other) {
#pragma unroll
            for (int c = 0; c < V; ++c) sums[c] += shared[other][within].at[c];
        }
    }
    if (!inside) return;
    uint32_t row = index / line, batch = row / uint32_t(p.m);
    Epilogue<T> epilogue(p, batch);
    epilogue.write(row - batch * uint32_t(p.m), int64_t(index - row * line) * V, sums);
}

}  // namespace tw
