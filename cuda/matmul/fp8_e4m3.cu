// tilework-archs: 90a
// Products of two factors of e4m3: instances of tilework/matmul/fp8_kernel.h.
#include "tilework/matmul/fp8_instances.h"

TW_FP8_KINDS(e4m3, e4m3, f32)
TW_FP8_KINDS(e4m3, e4m3, f16)
TW_FP8_KINDS(e4m3, e4m3, bf16)
