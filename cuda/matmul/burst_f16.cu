// f16 instances of tilework/matmul/burst_kernel.h.
#include "tilework/matmul/burst_instances.h"

TW_BURST_LAYOUTS(f16, tw::f16)
