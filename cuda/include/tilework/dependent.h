// Programmatic dependent launch: a kernel that is launched so (`Launch::dependent`) may begin while the one before it in the stream ends,
// and does what needs no memory of others before it waits.
#pragma once

namespace tw {

// Returns when the kernels before this one are done and what they wrote can be seen. Of compute capability 9.0 and later.
__device__ __forceinline__ void wait_for_previous_kernel() { asm volatile("griddepcontrol.wait;" ::: "memory"); }

}  // namespace tw
