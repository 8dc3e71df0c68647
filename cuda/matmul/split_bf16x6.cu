// tilework-archs: 90a
// f32 products of six products of bf16: instances of tilework/matmul/split_kernel.h.
#include "tilework/matmul/split_instances.h"

TW_SPLIT_INSTANCES(split_bf16x6, SPLIT_BF16)
