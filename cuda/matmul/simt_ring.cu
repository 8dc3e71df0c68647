// tilework-archs: 90a
// Instances of tilework/matmul/simt_ring_kernel.h for small tiles. src/backend/cuda/matmul/simt_ring.rs has the same table.
#include "tilework/matmul/simt_ring_instances.h"

TW_SIMT_RING_LAYOUTS(64x128, 64, 128, 8, 8, 2)
TW_SIMT_RING_LAYOUTS(32x64, 32, 64, 8, 8, 8)
