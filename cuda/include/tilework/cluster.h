// Blocks that run together and see each other's shared memory, and barriers of less than a block (sm_90 and later).
#pragma once

#include <stdint.h>

namespace tw {

__device__ __forceinline__ uint32_t cluster_rank() {
    uint32_t rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

__device__ __forceinline__ uint32_t cluster_size() {
    uint32_t size;
    asm volatile("mov.u32 %0, %%cluster_nctarank;" : "=r"(size));
    return size;
}

// The blocks of the cluster along each axis of the grid, and this one's place among them.
__device__ __forceinline__ uint3 cluster_shape() {
    uint3 size;
    asm volatile("mov.u32 %0, %%cluster_nctaid.x;" : "=r"(size.x));
    asm volatile("mov.u32 %0, %%cluster_nctaid.y;" : "=r"(size.y));
    asm volatile("mov.u32 %0, %%cluster_nctaid.z;" : "=r"(size.z));
    return size;
}

__device__ __forceinline__ uint3 cluster_place() {
    uint3 at;
    asm volatile("mov.u32 %0, %%cluster_ctaid.x;" : "=r"(at.x));
    asm volatile("mov.u32 %0, %%cluster_ctaid.y;" : "=r"(at.y));
    asm volatile("mov.u32 %0, %%cluster_ctaid.z;" : "=r"(at.z));
    return at;
}

// The address in the shared memory of block `rank` that `address` is in this block's.
__device__ __forceinline__ uint32_t remote_shared_address(uint32_t address, uint32_t rank) {
    uint32_t remote;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(remote) : "r"(address), "r"(rank));
    return remote;
}

__device__ __forceinline__ void store_remote(uint32_t address, uint32_t x) {
    asm volatile("st.shared::cluster.u32 [%0], %1;" ::"r"(address), "r"(x) : "memory");
}

// A barrier of all threads of the cluster, which publishes nothing but initialised barriers behind their fence.
__device__ __forceinline__ void cluster_barrier_relaxed() {
    __syncwarp();
    asm volatile("barrier.cluster.arrive.relaxed.aligned;\n\tbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// A barrier of all threads of the cluster; what they did before it is done and visible after it.
__device__ __forceinline__ void cluster_barrier() {
    __syncwarp();
    asm volatile("barrier.cluster.arrive.release.aligned;\n\tbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// The halves of a barrier that publishes nothing: the first does not wait.
__device__ __forceinline__ void cluster_arrive_relaxed() { asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory"); }
__device__ __forceinline__ void cluster_wait() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }

// Writes 16 bytes to the same address in block `rank` of the cluster; they arrive at its barrier.
__device__ __forceinline__ void send_floats(uint32_t to, uint32_t barrier, uint32_t rank, float4 x) {
    asm volatile(
        "{\n\t"
        ".reg .b32 remote, remote_barrier;\n\t"
        "mapa.shared::cluster.u32 remote, %0, %2;\n\t"
        "mapa.shared::cluster.u32 remote_barrier, %1, %2;\n\t"
        "st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 [remote], {%3, %4, %5, %6}, [remote_barrier];\n\t"
        "}" ::"r"(to), "r"(barrier), "r"(rank), "f"(x.x), "f"(x.y), "f"(x.z), "f"(x.w)
        : "memory");
}

// A barrier of `threads` threads of the block; `id` is 1 to 15, 0 being __syncthreads.
__device__ __forceinline__ void named_barrier(uint32_t id, uint32_t threads) {
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// Whether this thread is the one of its warp that is to do what one thread does. The compiler knows that it is alone there, and so puts
// the operands of a copy into uniform registers without looking for other threads' ones. All threads of the warp call this.
__device__ __forceinline__ bool elect_one() {
    uint32_t elected;
    asm volatile(
        "{\n\t"
        ".reg .pred elected;\n\t"
        "elect.sync _|elected, 0xffffffff;\n\t"
        "selp.b32 %0, 1, 0, elected;\n\t"
        "}"
        : "=r"(elected));
    return elected != 0;
}

// Gives registers back to, or takes them from, the block's pool; every warp of a warpgroup executes it.
template <int REGISTERS>
__device__ __forceinline__ void registers_release() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}

template <int REGISTERS>
__device__ __forceinline__ void registers_acquire() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}

}  // namespace tw
