// Products whose k is summed in parts, because the output has too few tiles to occupy the GPU.
//
// The tiles of all parts are those of a batch that is `splits` times as long: the kernel leaves the sums of each part in `partials`,
// [part, batch, m, lines of n filled up to 16 bytes], and parts_kernel.h adds them up in their order and does what is left.
#pragma once

#include "tilework/matmul/epilogue.h"

namespace tw {

// What a tile has to do, and where.
struct Part {
    uint32_t part;
    uint32_t batch;
    // Its blocks of k.
    uint32_t begin;
    uint32_t end;
};

__device__ __forceinline__ uint32_t parts_of(const TwMatmul& p) { return p.splits > 1 ? p.splits : 1; }

// The part that index `batch` of the longer batch stands for; k has `depth` blocks.
__device__ __forceinline__ Part part_at(const TwMatmul& p, uint32_t batch, uint32_t depth) {
    uint32_t batches = p.batch[0] * p.batch[1], part = batch / batches;
    uint32_t share = (depth + parts_of(p) - 1) / parts_of(p);
    uint32_t begin = part * share < depth ? part * share : depth;
    return {part, batch - part * batches, begin, depth - begin < share ? depth : begin + share};
}

// Elements of a line of the sums.
template <typename T>
__device__ __forceinline__ int64_t part_line(const TwMatmul& p) {
    constexpr int V = 16 / sizeof(T);
    return int64_t(p.n + V - 1) / V * V;
}

// The epilogue of a tile: that of the product, or one that only writes the sums of a part.
template <typename T>
__device__ __forceinline__ Epilogue<T> part_epilogue(const TwMatmul& p, const Part& part) {
    Epilogue<T> epilogue(p, part.batch);
    if (p.splits > 1) {
        epilogue.out.row = part_line<T>(p);
        epilogue.out.column = 1;
        epilogue.out.vectors = true;
        // What fills a line up is written too, because it is read.
        epilogue.n = epilogue.out.row;
        uint32_t index = part.part * (p.batch[0] * p.batch[1]) + part.batch;
        epilogue.out.base = reinterpret_cast<T*>(p.partials) + int64_t(index) * int64_t(p.m) * epilogue.out.row;
        epilogue.bias.base = epilogue.multiply.base = epilogue.c.base = nullptr;
        epilogue.alpha = 1;
        epilogue.activation = 0;
    }
    return epilogue;
}

}  // namespace tw
