// Which output tile, and which part of k, a block of tilework/matmul/wgmma_kernel.h computes at a time.
#pragma once

#include "tilework/abi.h"
#include "tilework/matmul/schedule.h"

namespace tw {

// The shape of a cluster of blocks, and where a block is in it: rows of tiles, times slices of k.
struct WgmmaCluster {
    uint32_t rows;
    uint32_t slices;
    uint32_t row;
    uint32_t slice;

    // The rank of the first block of this block's slice of k, and of its like in another slice.
    TW_HD uint32_t first_peer() const { return slice * rows; }
    TW_HD uint32_t rank_in(uint32_t other) const { return row + rows * other; }
    // As bits of ranks, the blocks that need the same columns of b.
    TW_HD uint16_t peers() const { return uint16_t(((1u << rows) - 1) << first_peer()); }
};

struct WgmmaWork {
    // The tile's row and column in its matrix, the matrix in the batch, and the tile's number among all.
    uint32_t m;
    uint32_t n;
    uint32_t outer;
    uint32_t inner;
    uint32_t tile;
    // The blocks of k.
    uint32_t begin;
    uint32_t end;
};

// The number of work items of a launch: tiles of whole clusters, each as many times as its k is split between clusters.
TW_HD uint32_t wgmma_items(const TwMatmul& p, const WgmmaCluster& cluster) {
    uint32_t rows = (p.tiles_m + cluster.rows - 1) / cluster.rows;
    return rows * p.tiles_n * p.batch[0] * p.batch[1] * p.splits;
}

// What the block does of item `index`, where k is `depth` blocks. A tile may lie beyond the matrix, where a cluster sticks out.
TW_HD WgmmaWork wgmma_work(const TwMatmul& p, const WgmmaCluster& cluster, uint32_t index, uint32_t depth) {
    uint32_t rows = (p.tiles_m + cluster.rows - 1) / cluster.rows;
    uint32_t part = 0;
    if (p.splits > 1) {
        part = index % p.splits;
        index /= p.splits;
    }
    Tile tile = tile_at(index, rows, p.tiles_n, p.group);
    WgmmaWork work;
    work.m = tile.m * cluster.rows + cluster.row;
    work.n = tile.n;
    work.outer = tile.batch / p.batch[1];
    work.inner = tile.batch % p.batch[1];
    work.tile = index * cluster.rows + cluster.row;
    work.begin = 0;
    work.end = depth;
    uint32_t parts = p.splits * cluster.slices;
    if (parts > 1) {
        uint32_t slice = part * cluster.slices + cluster.slice;
        work.begin = uint32_t(uint64_t(depth) * slice / parts);
        work.end = uint32_t(uint64_t(depth) * (slice + 1) / parts);
    }
    return work;
}

}  // namespace tw
