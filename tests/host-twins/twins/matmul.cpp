#include "tilework/matmul/mma_chunk.h"
#include "tilework/matmul/schedule.h"
#include "tilework/wgmma_descriptor.h"
#include "twins.h"

void twin_tile_at(uint32_t index, uint32_t tiles_m, uint32_t tiles_n, uint32_t group, uint32_t tile[3]) {
    tw::Tile at = tw::tile_at(index, tiles_m, tiles_n, group);
    tile[0] = at.m;
    tile[1] = at.n;
    tile[2] = at.batch;
}

static tw::Major major(bool mn_major) { return mn_major ? tw::MN_MAJOR : tw::K_MAJOR; }

uint64_t twin_wgmma_descriptor(uint32_t address, bool mn_major, uint32_t depth) {
    return tw::wgmma_descriptor(address, major(mn_major), depth);
}

uint64_t twin_wgmma_descriptor_step(bool mn_major) { return tw::wgmma_descriptor_step(major(mn_major)); }

uint32_t twin_mma_chunk(bool mn_major, uint32_t l, uint32_t k) { return tw::mma_chunk(major(mn_major), l, k); }
