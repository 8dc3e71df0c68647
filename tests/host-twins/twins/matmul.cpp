#include "tilework/matmul/mma_chunk.h"
#include "tilework/matmul/schedule.h"
#include "tilework/matmul/wgmma_schedule.h"
#include "tilework/wgmma_descriptor.h"
#include "twins.h"

void twin_tile_at(uint32_t index, uint32_t tiles_m, uint32_t tiles_n, uint32_t group, uint32_t tile[3]) {
    tw::Tile at = tw::tile_at(index, tiles_m, tiles_n, group);
    tile[0] = at.m;
    tile[1] = at.n;
    tile[2] = at.batch;
}

uint32_t twin_wgmma_work(const uint32_t problem[6], const uint32_t cluster[4], uint32_t index, uint32_t depth, uint32_t work[7]) {
    TwMatmul p = {};
    p.tiles_m = problem[0];
    p.tiles_n = problem[1];
    p.batch[0] = problem[2];
    p.batch[1] = problem[3];
    p.group = problem[4];
    p.splits = problem[5];
    tw::WgmmaCluster place{cluster[0], cluster[1], cluster[2], cluster[3]};
    tw::WgmmaWork found = tw::wgmma_work(p, place, index, depth);
    const uint32_t fields[7] = {found.m, found.n, found.outer, found.inner, found.tile, found.begin, found.end};
    for (int i = 0; i < 7; ++i) work[i] = fields[i];
    return tw::wgmma_items(p, place);
}

static tw::Major major(bool mn_major) { return mn_major ? tw::MN_MAJOR : tw::K_MAJOR; }

uint64_t twin_wgmma_descriptor(uint32_t address, bool mn_major, uint32_t depth) {
    return tw::wgmma_descriptor(address, major(mn_major), depth);
}

uint64_t twin_wgmma_descriptor_step(bool mn_major) { return tw::wgmma_descriptor_step(major(mn_major)); }

uint32_t twin_mma_chunk(bool mn_major, uint32_t l, uint32_t k) { return tw::mma_chunk(major(mn_major), l, k); }
