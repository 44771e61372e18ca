// The kernel's own source, run by loops in place of a grid.
#include "_planes.cu"

template <typename Kernel>
static void on_grid(Kernel kernel, const Job &job, Index grid, Index block) {
    blockDim = block;
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y)
        for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x)
            for (threadIdx.y = 0; threadIdx.y < block.y; ++threadIdx.y)
                for (threadIdx.x = 0; threadIdx.x < block.x; ++threadIdx.x) kernel(job);
}

extern "C" void run(const Job *job, int is_half, int grid_x, int grid_y, int block_x, int block_y) {
    on_grid(is_half ? planes_to_half : planes_to_float, *job, {grid_x, grid_y}, {block_x, block_y});
}

extern "C" unsigned long job_bytes() { return sizeof(Job); }
