// bf16 instances of tilework/matmul/mma_kernel.h.
#include "tilework/matmul/mma_instances.h"

TW_MMA_INSTANCES(bf16, tw::bf16)
