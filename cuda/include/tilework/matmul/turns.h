// Groups of warps that take turns at the blocks of k of a product.
#pragma once

#include "tilework/matmul/parts.h"
#include "tilework/matmul/schedule.h"

namespace tw {

// Of `fitting` buffers, as many as a ring that LOADERS warps fill and SLICES groups of warps read has: the same two always meet at a
// buffer, because a waiter can tell its phase only from the one before it. Where all readers read all buffers in order, nobody gets
// further ahead anyway.
template <int SLICES, int LOADERS>
constexpr int turn_stages(int fitting) {
    constexpr int STEP = SLICES > LOADERS ? SLICES : LOADERS;
    static_assert(STEP % SLICES == 0 && STEP % LOADERS == 0);
    return SLICES == 1 ? fitting : fitting / STEP * STEP;
}

// A place in a ring of buffers that GROUPS of warps take turns at: each goes on by that many.
template <int STAGES, int GROUPS>
struct Turns {
    static_assert(GROUPS <= STAGES, "every group has a buffer to begin with");
    uint32_t stage;
    uint32_t parity = 0;

    __device__ __forceinline__ explicit Turns(uint32_t group) : stage(group) {}

    __device__ __forceinline__ void advance() {
        stage += GROUPS;
        if (stage >= STAGES) {
            stage -= STAGES;
            parity ^= 1;
        }
    }
};

// The blocks of k of one of GROUPS, which go through all tiles of M x N of a block of threads one after another.
template <int M, int N, int GROUPS>
struct TurnBlocks {
    const TwMatmul& p;
    uint32_t tiles, depth;
    uint32_t index = blockIdx.x;
    Tile tile;
    Part part;
    uint32_t block;
    int outer, inner;

    __device__ __forceinline__ TurnBlocks(const TwMatmul& p, uint32_t tiles, uint32_t depth, uint32_t group)
        : p(p), tiles(tiles), depth(depth) {
        find(group);
    }

    __device__ __forceinline__ bool any() const { return index < tiles; }

    // Goes to the block that is `until` blocks from the beginning of the tile.
    __device__ __forceinline__ void find(uint32_t until) {
        for (; index < tiles; index += gridDim.x) {
            tile = tile_at(index, p.tiles_m, p.tiles_n, p.group);
            part = part_at(p, tile.batch, depth);
            outer = int(part.batch / p.batch[1]), inner = int(part.batch % p.batch[1]);
            block = part.begin + until;
            if (block < part.end) return;
            until = block - part.end;
        }
    }

    __device__ __forceinline__ void next() {
        block += GROUPS;
        if (block < part.end) return;
        index += gridDim.x;
        find(block - part.end);
    }

    // The matrix's place on the inner and the outer batch axis; an axis that is broadcast has one.
    __device__ __forceinline__ int2 batch_of(const TwMatrix& x) const {
        return {x.batch[1] ? inner : 0, x.batch[0] ? outer : 0};
    }
};

}  // namespace tw
