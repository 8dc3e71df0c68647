// tilework-archs: 90a
// f16 instances of tilework/matmul/skinny_kernel.h.
#include "tilework/matmul/skinny_instances.h"

TW_SKINNY_LAYOUTS(f16, tw::f16, 8, 128, 2)
TW_SKINNY_LAYOUTS(f16, tw::f16, 16, 128, 2)
TW_SKINNY_LAYOUTS(f16, tw::f16, 32, 128, 2)
