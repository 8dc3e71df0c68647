// tilework-archs: 90a
// f32 products of three products of f16: instances of tilework/matmul/split_kernel.h.
#include "tilework/matmul/split_instances.h"

TW_SPLIT_INSTANCES(split_f16x3, SPLIT_F16)
