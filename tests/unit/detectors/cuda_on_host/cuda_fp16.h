// What the kernel needs of CUDA, for a host compiler: the words of the language, and half precision.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#define __global__
#define __device__

struct Index {
    int x, y;
};
static Index blockIdx, threadIdx, blockDim;

struct __half {
    uint16_t bits;
};

// Round to nearest, ties to even, as the device does.
static __half __float2half_rn(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
    uint32_t half;
    if (magnitude > 0x7f800000u) half = 0x7e00u;
    else if (magnitude >= 0x477ff000u) half = 0x7c00u;
    else if (magnitude < 0x38800000u) {
        float absolute;
        std::memcpy(&absolute, &magnitude, sizeof absolute);
        half = (uint32_t)std::nearbyintf(absolute * 16777216.0f);  // 2^24 halves of the least kind in 1
    } else {
        uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
        half = (rounded - 0x38000000u) >> 13;
    }
    return {(uint16_t)(sign | half)};
}
