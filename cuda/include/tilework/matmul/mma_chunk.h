// Where the portable tensor-core kernel keeps the elements of a factor in shared memory.
//
// A block of 128 x 32 16-bit elements keeps the order of its factor: K_MAJOR as rows of 32 elements along k, MN_MAJOR as rows of
// 128 along m or n. Chunks of 16 bytes are swizzled so that the eight rows that one matrix load reads lie in different banks.
#pragma once

#include "tilework/wgmma_descriptor.h"

namespace tw {

// Bytes from the start of a factor's buffer to the chunk of 16 bytes that holds element (l, k), l being m or n.
TW_HD uint32_t mma_chunk(Major major, uint32_t l, uint32_t k) {
    return major == K_MAJOR ? l * 64 + (((k / 8) ^ ((l / 2) & 3)) << 4) : k * 256 + (((l / 8) ^ (k & 7)) << 4);
}

}  // namespace tw
