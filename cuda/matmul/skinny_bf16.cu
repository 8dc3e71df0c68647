// tilework-archs: 90a
// bf16 instances of tilework/matmul/skinny_kernel.h.
#include "tilework/matmul/skinny_instances.h"

TW_SKINNY_LAYOUTS(bf16, tw::bf16, 8, 128, 2)
TW_SKINNY_LAYOUTS(bf16, tw::bf16, 16, 128, 2)
TW_SKINNY_LAYOUTS(bf16, tw::bf16, 32, 128, 2)
