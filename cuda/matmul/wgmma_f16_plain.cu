// tilework-archs: 90a
// f16 instances of tilework/matmul/wgmma_kernel.h for products without an epilogue.
#include "tilework/matmul/wgmma_instances.h"

TW_WGMMA_INSTANCES(f16_plain, tw::f16, WGMMA_PLAIN_BOXES)
