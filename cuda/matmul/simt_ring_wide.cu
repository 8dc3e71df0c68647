// tilework-archs: 90a
// tilework-ptxas: -O1
// The instance of tilework/matmul/simt_ring_kernel.h for large outputs. src/backend/cuda/matmul/simt_ring.rs has the same table.
//
// At its first level ptxas leaves the products in the order in which they are written, and reads each step's factors a whole step ahead: one
// of a hundred products reads three fresh registers, at the usual level seven. Smaller tiles wait for shared memory and are slower so.
#include "tilework/matmul/simt_ring_instances.h"

TW_SIMT_RING_LAYOUTS(128x256, 128, 256, 8, 16, 1)
