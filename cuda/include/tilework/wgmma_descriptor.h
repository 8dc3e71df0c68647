// How the factors of a warpgroup product (tilework/wgmma.h) lie in shared memory, and how the instruction is told.
//
// A factor is stored as rows of 128 bytes, with the 128-byte swizzle that the tensor memory accelerator writes
// (16-byte chunk c of row r lies at chunk c ^ (r mod 8)); eight rows make an atom of 1,024 bytes, to which it is aligned.
#pragma once

#include "tilework/platform.h"

namespace tw {

// The order of a factor's elements; the values are those of the instruction's transpose bits.
//   K_MAJOR    a row is 64 elements of 16 bits, or 128 of 8, along k for one m or n; consecutive rows are consecutive m or n.
//   MN_MAJOR   (16 bits alone) a row is 64 elements along m or n for one k; consecutive rows are consecutive k, and further blocks of 64 along
//              m or n follow after all rows of this one.
enum Major { K_MAJOR = 0, MN_MAJOR = 1 };

// Elements of 16 bits in a row of 128 bytes.
constexpr int WGMMA_ROW = 64;
// The depth of one instruction, in elements of 16 bits.
constexpr int WGMMA_K = 16;

// The matrix descriptor of a factor that begins at `address` and has `depth` elements along k in shared memory.
// Bits 0-13: address / 16. Bits 16-29: bytes / 16 between blocks of 64 along m or n (MN_MAJOR; ignored for K_MAJOR).
// Bits 32-45: bytes / 16 between atoms. Bits 62-63: 1, the 128-byte swizzle.
TW_HD uint64_t wgmma_descriptor(uint32_t address, Major major, uint32_t depth) {
    uint32_t block = major == MN_MAJOR ? depth * 128 : 16;
    return uint64_t((address & 0x3FFFF) >> 4) | uint64_t(block >> 4) << 16 | uint64_t(1024 >> 4) << 32 | uint64_t(1) << 62;
}

// What to add to a descriptor to step WGMMA_K elements along k: 32 bytes within the row, or 16 rows.
TW_HD uint64_t wgmma_descriptor_step(Major major) {
    return (major == MN_MAJOR ? WGMMA_K * 128 : WGMMA_K * 2) >> 4;
}

// The descriptor of what lies `units` of 16 bytes further. The address never leaves its bits, so this is one 32-bit addition.
TW_HD uint64_t wgmma_descriptor_after(uint64_t descriptor, uint32_t units) {
    return (descriptor & ~uint64_t(0xFFFFFFFF)) | uint32_t(uint32_t(descriptor) + units);
}

}  // namespace tw
