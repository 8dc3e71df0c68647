// The order in which the output tiles of a batch of matrix products are computed.
//
// Tiles that run at the same time share rows of a and columns of b through the L2 cache, most of them when they form a block
// that is about square. So the tiles of a matrix are walked in bands of `group` rows, down each column of a band before the next.
#pragma once

#include "tilework/platform.h"

namespace tw {

struct Tile {
    uint32_t m;
    uint32_t n;
    uint32_t batch;
};

// The tile of number `index` among tiles_m * tiles_n tiles of each matrix; each index is another tile.
TW_HD Tile tile_at(uint32_t index, uint32_t tiles_m, uint32_t tiles_n, uint32_t group) {
    uint32_t batch = index / (tiles_m * tiles_n);
    uint32_t rest = index - batch * (tiles_m * tiles_n);
    uint32_t band = rest / (group * tiles_n);
    uint32_t within = rest - band * (group * tiles_n);
    uint32_t left = tiles_m - band * group;
    uint32_t rows = left < group ? left : group;
    uint32_t n = within / rows;
    return {band * group + within - n * rows, n, batch};
}

}  // namespace tw
