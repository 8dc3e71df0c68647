// tilework-archs: 90a
// bf16 instances of tilework/matmul/wgmma_kernel.h.
#include "tilework/matmul/wgmma_instances.h"

TW_WGMMA_INSTANCES(bf16, tw::bf16, WGMMA_EPILOGUE)
