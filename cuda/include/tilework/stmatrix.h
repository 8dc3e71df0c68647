// Stores of 8 x 8 matrices of 16-bit elements from the registers of a warp, as products leave them (sm_90 and later).
#pragma once

#include <stdint.h>

namespace tw {

// Stores four matrices, one in each word: lane l holds elements 2 (l mod 4) and the next of row l / 4, and gives the address of
// row l mod 8 of matrix l / 8.
__device__ __forceinline__ void store_matrices(uint32_t address, uint4 words) {
    asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(words.x), "r"(words.y),
                 "r"(words.z), "r"(words.w)
                 : "memory");
}

}  // namespace tw
