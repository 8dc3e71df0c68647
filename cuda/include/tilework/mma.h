// Tensor-core products of a warp, 16 x 8 x 16 on 16-bit elements with f32 accumulators, and the loads that feed them (sm_80 and
// later).
//
// With g = lane / 4 and t = lane mod 4, a thread's share is, in pairs of neighbouring elements:
//   a (16 x 16)  rows g, g + 8, g, g + 8 at k = 2t, 2t, 2t + 8, 2t + 8
//   b (16 x 8)   column g at k = 2t, 2t + 8
//   d (16 x 8)   rows g, g + 8 at columns 2t, 2t + 1
// PTX ISA, "Matrix fragments for mma.m16n8k16".
#pragma once

#include "tilework/dtype.h"

namespace tw {

// Loads four 8 x 8 matrices of 16-bit elements; lane l gives the address of row l mod 8 of matrix l / 8. Transposed, a thread's
// pair runs down a column of what is stored.
template <bool TRANSPOSED>
__device__ __forceinline__ void load_matrices(uint32_t (&words)[4], uint32_t address) {
    if constexpr (TRANSPOSED) {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                     : "r"(address)
                     : "memory");
    } else {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                     : "r"(address)
                     : "memory");
    }
}

// d += a @ b.
template <typename T>
__device__ __forceinline__ void mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1);

template <>
__device__ __forceinline__ void mma<bf16>(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

template <>
__device__ __forceinline__ void mma<f16>(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

}  // namespace tw
