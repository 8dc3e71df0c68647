// f16 instances of tilework/matmul/mma_kernel.h.
#include "tilework/matmul/mma_instances.h"

TW_MMA_INSTANCES(f16, tw::f16)
