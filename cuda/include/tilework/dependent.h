// Programmatic dependent launch: a kernel that is launched so (`Launch::dependent`) may begin before the one before it in the stream ends,
// and does what needs no memory of others before it waits.
//
// Where the host knows that nothing it reads is still being written (src/backend/cuda/ahead.rs), a kernel is ahead: it reads and computes
// beside those before it, admits the next one at once, and waits before it writes. Else it waits before it reads, and only then admits
// the next one, which so finds everything written but by this kernel. In between are products of which one factor alone may still be
// written, as of a layer with the output of the layer before: they may fetch the other one, the weights, before they wait.
#pragma once

#include <stdint.h>

#include "tilework/abi.h"

namespace tw {

// Returns when the kernels before this one are done and what they wrote can be seen. Below compute capability 9.0 they always are.
__device__ __forceinline__ void wait_for_previous_kernel() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// Lets the next kernel of the stream begin as soon as there is room for its blocks; it waits for this one by itself.
__device__ __forceinline__ void admit_next_kernel() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// `ahead`: bits TW_AHEAD_*. Admitting the next kernel comes last: the host counts on it.
__device__ __forceinline__ void wait_to_read(uint32_t ahead) {
    if (ahead != TW_AHEAD_ALL) wait_for_previous_kernel();
    admit_next_kernel();
}

// Every block does so before it ends, or a kernel could end before the one before it.
__device__ __forceinline__ void wait_to_write(uint32_t ahead) {
    if (ahead == TW_AHEAD_ALL) wait_for_previous_kernel();
}

}  // namespace tw
