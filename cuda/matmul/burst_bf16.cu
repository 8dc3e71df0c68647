// bf16 instances of tilework/matmul/burst_kernel.h.
#include "tilework/matmul/burst_instances.h"

TW_BURST_LAYOUTS(bf16, tw::bf16)
