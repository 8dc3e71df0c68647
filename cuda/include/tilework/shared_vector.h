// Reads of neighbouring floats from shared memory that stay where they are written, so that a kernel decides what is on the way while
// it multiplies.
#pragma once

#include "tilework/vector.h"

namespace tw {

__device__ __forceinline__ Vector<float, 2> load_shared_two(uint32_t at) {
    Vector<float, 2> x;
    asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(x.at[0]), "=f"(x.at[1]) : "r"(at) : "memory");
    return x;
}

__device__ __forceinline__ Vector<float, 4> load_shared_four(uint32_t at) {
    Vector<float, 4> x;
    asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(x.at[0]), "=f"(x.at[1]), "=f"(x.at[2]), "=f"(x.at[3])
                 : "r"(at)
                 : "memory");
    return x;
}

}  // namespace tw
