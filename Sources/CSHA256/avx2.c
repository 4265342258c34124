// Eight nonces in a step.
#include "kernels.h"

#if CSHA256_X86
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,bmi2")))
#define VECTOR __m256i
#define LANES 8
#define SCAN csha256_scan_avx2

#define ADD _mm256_add_epi32
#define XOR _mm256_xor_si256
#define AND _mm256_and_si256
#define BROADCAST(x) _mm256_set1_epi32((int)(x))
#define LOAD(words) _mm256_loadu_si256((const __m256i *)(words))

// No rotation before AVX-512. Rotations overlap nowhere, so all six shifts can be joined by xor.
#define RIGHT _mm256_srli_epi32
#define LEFT _mm256_slli_epi32
#define ROTATIONS2(x, i, j) XOR(XOR(RIGHT(x, i), LEFT(x, 32 - (i))), XOR(RIGHT(x, j), LEFT(x, 32 - (j))))

TARGET static inline __m256i big_sigma0(__m256i x) {
    return XOR(ROTATIONS2(x, 2, 13), XOR(RIGHT(x, 22), LEFT(x, 10)));
}
TARGET static inline __m256i big_sigma1(__m256i x) {
    return XOR(ROTATIONS2(x, 6, 11), XOR(RIGHT(x, 25), LEFT(x, 7)));
}
TARGET static inline __m256i sigma0(__m256i x) { return XOR(ROTATIONS2(x, 7, 18), RIGHT(x, 3)); }
TARGET static inline __m256i sigma1(__m256i x) { return XOR(ROTATIONS2(x, 17, 19), RIGHT(x, 10)); }
#define BIG_SIGMA0 big_sigma0
#define BIG_SIGMA1 big_sigma1
#define SIGMA0 sigma0
#define SIGMA1 sigma1
#define CHOOSE(x, y, z) XOR(AND(XOR(y, z), x), z)
#define MAJORITY(x, y, z) _mm256_or_si256(AND(x, y), AND(z, _mm256_or_si256(x, y)))

#define SWAP_BYTES(x)                                                                    \
    _mm256_shuffle_epi8(x, _mm256_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL, \
                                             0x0c0d0e0f08090a0bLL, 0x0405060700010203LL))
TARGET static inline uint32_t at_most(__m256i words, __m256i limits) {
    __m256i fits = _mm256_cmpeq_epi32(_mm256_min_epu32(words, limits), words);
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(fits));
}
#define AT_MOST at_most

#include "vector_scan.h"
#endif
