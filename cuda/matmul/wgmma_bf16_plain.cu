// tilework-archs: 90a
// bf16 instances of tilework/matmul/wgmma_kernel.h for products without an epilogue.
#include "tilework/matmul/wgmma_instances.h"

TW_WGMMA_INSTANCES(bf16_plain, tw::bf16, WGMMA_PLAIN_BOXES)
