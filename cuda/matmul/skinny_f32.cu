// tilework-archs: 90a
// f32 instances of tilework/matmul/skinny_kernel.h.
#include "tilework/matmul/skinny_instances.h"

TW_SKINNY_LAYOUTS(f32, tw::f32, 1, 128, 2)
TW_SKINNY_LAYOUTS(f32, tw::f32, 4, 128, 2)
TW_SKINNY_LAYOUTS(f32, tw::f32, 16, 64, 2)
