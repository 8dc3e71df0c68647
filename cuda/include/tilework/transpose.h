// The transposing copy: reads along the source's contiguous axis, writes along the output's, and turns in between.
//
// transpose_vectors: 256 threads move a tile of 16 V x 16 V elements, in chunks of V elements (16 bytes; 8 for bytes). Each thread
// reads V chunks of the source; then it takes a block of V x V elements out of shared memory, V chunks of consecutive rows, turns
// it in registers and writes V chunks of the output. Both sides of memory see whole 128-byte lines, and 64 bytes per thread are in
// flight. In shared memory chunk c of row r lies at position c ^ (r / V): the blocks that neighbouring threads read then start in
// different banks, and rows stay whole for the writes.
//
// transpose_elements: any sizes and alignment, element by element through a tile of 32 x 32 with a column of padding.
#pragma once

#include "tilework/abi.h"
#include "tilework/fastdiv.h"
#include "tilework/vector.h"

namespace tw {

// The tile of a block: its first row and column, and both operands' first elements of its batch index.
template <class T>
struct Tile {
    uint32_t row, column;
    const T* x;
    T* out;
};

template <class T>
__device__ __forceinline__ Tile<T> locate_tile(const TwTranspose& launch, uint32_t side) {
    uint32_t rest = blockIdx.x;
    uint32_t column = divide_in_place(rest, launch.column_tiles) * side;
    uint32_t row = divide_in_place(rest, launch.row_tiles) * side;
    Tile<T> tile{row, column, reinterpret_cast<const T*>(launch.x), reinterpret_cast<T*>(launch.out)};
    for (int axis = 0; axis < launch.batch_rank; ++axis) {
        uint32_t coordinate = divide_in_place(rest, launch.batch[axis]);
        tile.x += coordinate * launch.x_batch_strides[axis];
        tile.out += coordinate * launch.out_batch_strides[axis];
    }
    return tile;
}

template <class T, int V>
__device__ __forceinline__ void transpose_vectors(const TwTranspose& launch) {
    constexpr int CHUNKS = 16;
    __shared__ Vector<T, V> shared[CHUNKS * V][CHUNKS];
    Tile<T> tile = locate_tile<T>(launch, CHUNKS * V);
    uint32_t chunk = threadIdx.x % CHUNKS, block = threadIdx.x / CHUNKS;

    uint32_t column = tile.column + chunk * V;
    Vector<T, V> chunks[V];
#pragma unroll
    for (int i = 0; i < V; ++i) {
        // Rows 16 apart, so that one access of a warp covers two whole rows of the tile.
        uint32_t row = tile.row + block + i * CHUNKS;
        if (row < launch.rows && column < launch.columns) {
            chunks[i] = load_vector<T, V>(tile.x + row * launch.x_stride + column);
        }
    }
#pragma unroll
    for (int i = 0; i < V; ++i) {
        uint32_t row = block + i * CHUNKS;
        shared[row][chunk ^ (row / V)] = chunks[i];
    }
    __syncthreads();
    // From here on, neighbouring threads are neighbours along the output's contiguous axis, the source's rows.
    uint32_t row = tile.row + chunk * V;
#pragma unroll
    for (int i = 0; i < V; ++i) chunks[i] = shared[chunk * V + i][block ^ chunk];
#pragma unroll
    for (int i = 0; i < V; ++i) {
        Vector<T, V> turned;
#pragma unroll
        for (int j = 0; j < V; ++j) turned.at[j] = chunks[j].at[i];
        uint32_t column = tile.column + block * V + i;
        if (row < launch.rows && column < launch.columns) {
            store_vector(tile.out + column * launch.out_stride + row, turned);
        }
    }
}

template <class T>
__device__ __forceinline__ void transpose_elements(const TwTranspose& launch) {
    constexpr int SIDE = 32, STEP = 8;
    __shared__ T shared[SIDE][SIDE + 1];
    Tile<T> tile = locate_tile<T>(launch, SIDE);
    uint32_t x = threadIdx.x % SIDE, y = threadIdx.x / SIDE;
#pragma unroll
    for (int i = 0; i < SIDE; i += STEP) {
        uint32_t row = tile.row + y + i, column = tile.column + x;
        if (row < launch.rows && column < launch.columns) shared[y + i][x] = tile.x[row * launch.x_stride + column];
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < SIDE; i += STEP) {
        uint32_t row = tile.row + x, column = tile.column + y + i;
        if (row < launch.rows && column < launch.columns) tile.out[column * launch.out_stride + row] = shared[x][y + i];
    }
}

}  // namespace tw

// The entry points for elements of SIZE bytes: transpose_SIZE_vectors and transpose_SIZE_elements.
#define TW_TRANSPOSE(SIZE, WORD, VECTOR)                                                        \
    extern "C" __global__ void __launch_bounds__(256)                                           \
        transpose_##SIZE##_vectors(const __grid_constant__ TwTranspose launch) {                \
        tw::transpose_vectors<WORD, VECTOR>(launch);                                            \
    }                                                                                           \
    extern "C" __global__ void __launch_bounds__(256)                                           \
        transpose_##SIZE##_elements(const __grid_constant__ TwTranspose launch) {               \
        tw::transpose_elements<WORD>(launch);                                                   \
    }
