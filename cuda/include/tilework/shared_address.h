// The address of a shared variable as instructions on shared memory take it.
#pragma once

#include <stdint.h>

namespace tw {

__device__ __forceinline__ uint32_t shared_address(const void* pointer) { return uint32_t(__cvta_generic_to_shared(pointer)); }

}  // namespace tw
