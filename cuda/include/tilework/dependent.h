// Programmatic dependent launch: a kernel that is launched so (`Launch::dependent`) may begin while the one before it in the stream ends,
// and does what needs no memory of others before it waits.
#pragma once

namespace tw {

// Returns when the kernels before this one are done and what they wrote can be seen. Of compute capability 9.0 and later.
__device__ __forceinline__ void wait_for_previous_kernel() { asm volatile("griddepcontrol.wait;" ::: "memory"); }

// Lets the next kernel of the stream begin as soon as there is room for its blocks; it waits for this one by itself.
__device__ __forceinline__ void admit_next_kernel() { asm volatile("griddepcontrol.launch_dependents;" ::: "memory"); }

}  // namespace tw
