// Planes to tensor, on the device: letterbox or stretch, colour, normalisation, in one pass.
//
// The arithmetic is that of edge/detectors/_preprocess.py, which runs OpenCV on 8-bit pictures: each
// plane is resized with 11-bit weights and rounded to 8 bits, colour is made with 10-bit weights and
// rounded to 8 bits, and only then do numbers become floating point. A thread makes one network
// pixel. Compile with -fmad=false: a fused multiply-add rounds once where the processor rounds twice.
#include <cuda_fp16.h>

// As DTYPE in edge/detectors/_planes.py, field by field, in this order.
struct Job {
    const unsigned char *y, *u, *v;
    void *tensor;               // (3, network_h, network_w) of float or half
    double luma_x, luma_y;      // source pixels in one picture pixel
    double chroma_x, chroma_y;
    int width, height;          // of the luma plane
    int y_pitch, uv_pitch;      // bytes from one row to the next
    int uv_step;                // bytes from one chroma sample to the next: 1 for I420, 2 for NV12
    int picture_w, picture_h;   // what the frame covers, at the top left
    int network_w, network_h;
    int colour[12];             // three rows of Y, U, V and offset, in 1/1024
    float scale[3], shift[3];
    float pad;
};

static const int WEIGHT_ONE = 2048;   // 11 bits
static const int COLOUR_BITS = 10;

__device__ static int clamped(int value, int low, int high) {
    return value < low ? low : value > high ? high : value;
}

// Where on a source axis a picture pixel lies: two neighbours and the weight of the second.
struct Tap {
    int first, second, weight_first, weight_second;
};

__device__ static Tap tap(int target, double scale, int n_source, bool is_horizontal) {
    float place = (float)((target + 0.5) * scale - 0.5);
    int first = (int)floorf(place);
    float part = place - (float)first;
    // Beyond the border OpenCV drops the weight along a row, and repeats the row along a column.
    if (is_horizontal && (first < 0 || first >= n_source - 1)) {
        part = 0.0f;
        first = first < 0 ? 0 : n_source - 1;
    }
    Tap found;
    found.weight_first = (int)rintf((1.0f - part) * WEIGHT_ONE);
    found.weight_second = (int)rintf(part * WEIGHT_ONE);
    found.first = clamped(first, 0, n_source - 1);
    found.second = clamped(first + 1, 0, n_source - 1);
    return found;
}

__device__ static int sample(const unsigned char *plane, long long pitch, int step, Tap x, Tap y) {
    const unsigned char *above = plane + y.first * pitch, *below = plane + y.second * pitch;
    int left = x.first * step, right = x.second * step;
    int upper = above[left] * x.weight_first + above[right] * x.weight_second;
    int lower = below[left] * x.weight_first + below[right] * x.weight_second;
    int sum = ((y.weight_first * (upper >> 4)) >> 16) + ((y.weight_second * (lower >> 4)) >> 16);
    return clamped((sum + 2) >> 2, 0, 255);
}

__device__ static void put(float *to, float value) { *to = value; }
__device__ static void put(__half *to, float value) { *to = __float2half_rn(value); }

template <typename Value>
__device__ static void pixel(const Job &job, int column, int row) {
    if (column >= job.network_w || row >= job.network_h) return;
    long long area = (long long)job.network_w * job.network_h;
    Value *to = (Value *)job.tensor + (long long)row * job.network_w + column;
    float channel[3] = {job.pad, job.pad, job.pad};
    if (column < job.picture_w && row < job.picture_h) {
        Tap x = tap(column, job.luma_x, job.width, true);
        Tap y = tap(row, job.luma_y, job.height, false);
        int luma = sample(job.y, job.y_pitch, 1, x, y);
        x = tap(column, job.chroma_x, (job.width + 1) / 2, true);
        y = tap(row, job.chroma_y, (job.height + 1) / 2, false);
        int blue = sample(job.u, job.uv_pitch, job.uv_step, x, y);
        int red = sample(job.v, job.uv_pitch, job.uv_step, x, y);
        for (int c = 0; c < 3; ++c) {
            const int *weight = job.colour + 4 * c;
            int sum = weight[0] * luma + weight[1] * blue + weight[2] * red + weight[3];
            channel[c] = (float)clamped(sum >> COLOUR_BITS, 0, 255);
        }
    }
    for (int c = 0; c < 3; ++c) put(to + c * area, channel[c] * job.scale[c] + job.shift[c]);
}

extern "C" __global__ void planes_to_float(Job job) {
    pixel<float>(job, blockIdx.x * blockDim.x + threadIdx.x, blockIdx.y * blockDim.y + threadIdx.y);
}

extern "C" __global__ void planes_to_half(Job job) {
    pixel<__half>(job, blockIdx.x * blockDim.x + threadIdx.x, blockIdx.y * blockDim.y + threadIdx.y);
}
