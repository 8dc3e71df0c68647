// tilework-archs: 90a
// f16 instances of tilework/matmul/wgmma_kernel.h.
#include "tilework/matmul/wgmma_instances.h"

TW_WGMMA_INSTANCES(f16, tw::f16, WGMMA_EPILOGUE)
