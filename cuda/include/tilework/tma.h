// Bulk copies of tiles by the tensor memory accelerator (sm_90 and later).
//
// A tensor map, encoded on the host, describes a tensor of four axes (innermost first) and a box; one thread starts the copy of
// the box at given coordinates. What lies outside the tensor is read as zero (and counts as bytes that arrived) and not written.
#pragma once

#include <stdint.h>

namespace tw {

// What cuTensorMapEncodeTiled writes. A kernel takes it by value as `const __grid_constant__`.
struct alignas(64) TensorMap {
    uint64_t opaque[16];
};

__device__ __forceinline__ void tma_prefetch(const TensorMap& map) {
    asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}

// Copies the box at (x, y, z, w) to shared memory; its bytes arrive at `barrier`.
__device__ __forceinline__ void tma_load(uint32_t to, const TensorMap& map, uint32_t barrier, int x, int y, int z, int w) {
    asm volatile(
        "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2];" ::"r"(to),
        "l"(&map), "r"(barrier), "r"(x), "r"(y), "r"(z), "r"(w)
        : "memory");
}

// Has the box at (x, y, z, w) brought to the L2 cache, where writes meet it: no earlier kernel need have ended.
__device__ __forceinline__ void tma_prefetch_box(const TensorMap& map, int x, int y, int z, int w) {
    asm volatile("cp.async.bulk.prefetch.tensor.4d.L2.global [%0, {%1, %2, %3, %4}];" ::"l"(&map), "r"(x), "r"(y), "r"(z), "r"(w)
                 : "memory");
}

// Copies `bytes` (a multiple of 16) from aligned memory that needs no map; they arrive at `barrier`.
__device__ __forceinline__ void bulk_load(uint32_t to, const void* from, uint32_t bytes, uint32_t barrier) {
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to), "l"(from),
                 "r"(bytes), "r"(barrier)
                 : "memory");
}

// Copies `bytes` (a multiple of 16) from this block's shared memory to another's; they arrive at a barrier of the latter. Both addresses
// there are in the cluster's space. The fence of tma_store is for what this thread and others have written before.
__device__ __forceinline__ void bulk_send(uint32_t to, uint32_t from, uint32_t bytes, uint32_t barrier) {
    asm volatile("cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to), "r"(from),
                 "r"(bytes), "r"(barrier)
                 : "memory");
}

// As tma_load, but to the same address in each block of the cluster whose bit is set in `blocks`, and to each one's barrier.
__device__ __forceinline__ void tma_load_multicast(uint32_t to, const TensorMap& map, uint32_t barrier, int x, int y, int z,
                                                   int w, uint16_t blocks) {
    asm volatile(
        "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster"
        " [%0], [%1, {%3, %4, %5, %6}], [%2], %7;" ::"r"(to),
        "l"(&map), "r"(barrier), "r"(x), "r"(y), "r"(z), "r"(w), "h"(blocks)
        : "memory");
}

// Makes this thread's writes to shared memory visible to the copy engine; a barrier and tma_store follow.
__device__ __forceinline__ void tma_store_fence() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// Starts the copy of a box from shared memory to the tensor, as a group of its own.
__device__ __forceinline__ void tma_store(const TensorMap& map, uint32_t from, int x, int y, int z, int w) {
    asm volatile("cp.async.bulk.tensor.4d.global.shared::cta.bulk_group [%0, {%2, %3, %4, %5}], [%1];" ::"l"(&map), "r"(from),
                 "r"(x), "r"(y), "r"(z), "r"(w)
                 : "memory");
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}

// Waits until all but the newest `PENDING` stores of this thread have read their shared memory.
template <int PENDING>
__device__ __forceinline__ void tma_store_wait_read() {
    asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(PENDING) : "memory");
}

}  // namespace tw
