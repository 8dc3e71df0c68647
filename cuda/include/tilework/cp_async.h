// Asynchronous copies from global to shared memory, 4, 8 or 16 bytes a thread (sm_80 and later).
#pragma once

#include <stdint.h>

namespace tw {

// The first `present` of 16 bytes by ordinary reads and writes, zeros after them. The instruction can do this too, but tools that
// check accesses take it for a read of all 16; it happens once a line at most.
__device__ __forceinline__ void copy_part(uint32_t to, const void* from, uint32_t present) {
#pragma unroll 1
    for (uint32_t at = 0; at < 16; at += 2) {
        uint16_t pair = at < present ? *reinterpret_cast<const uint16_t*>(static_cast<const char*>(from) + at) : uint16_t(0);
        asm volatile("st.shared.u16 [%0], %1;" ::"r"(to + at), "h"(pair) : "memory");
    }
}

// Copies the first `present` of BYTES bytes (an even number) and fills the rest with zeros; `from` is not read where `present` is
// zero. Complete after `copy_async_wait` and a barrier.
template <int BYTES>
__device__ __forceinline__ void copy_async(uint32_t to, const void* from, uint32_t present) {
    static_assert(BYTES == 4 || BYTES == 8 || BYTES == 16, "the sizes that the instruction has");
    if constexpr (BYTES == 16) {
        if (present % 16 != 0) return copy_part(to, from, present);
        asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(present) : "memory");
    } else {
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(from), "n"(BYTES), "r"(present) : "memory");
    }
}

// Closes the group of copies that this thread started since the last call.
__device__ __forceinline__ void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until all but the newest `PENDING` groups of this thread are complete.
template <int PENDING>
__device__ __forceinline__ void copy_async_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

}  // namespace tw
