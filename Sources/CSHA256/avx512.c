// Sixteen nonces in a step. Rotations and three-input logic are single instructions here, which is worth as
// much as the width.
#include "kernels.h"

#if CSHA256_X86
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,bmi2")))
#define VECTOR __m512i
#define LANES 16
#define SCAN csha256_scan_avx512

#define ADD _mm512_add_epi32
#define BROADCAST(x) _mm512_set1_epi32((int)(x))
#define LOAD(words) _mm512_loadu_si512(words)

// Truth tables of vpternlog: 0x96 is x ^ y ^ z, 0xca is x ? y : z, 0xe8 is the majority.
#define XOR3(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0x96)
#define ROTATE _mm512_ror_epi32
#define BIG_SIGMA0(x) XOR3(ROTATE(x, 2), ROTATE(x, 13), ROTATE(x, 22))
#define BIG_SIGMA1(x) XOR3(ROTATE(x, 6), ROTATE(x, 11), ROTATE(x, 25))
#define SIGMA0(x) XOR3(ROTATE(x, 7), ROTATE(x, 18), _mm512_srli_epi32(x, 3))
#define SIGMA1(x) XOR3(ROTATE(x, 17), ROTATE(x, 19), _mm512_srli_epi32(x, 10))
#define CHOOSE(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xca)
#define MAJORITY(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xe8)

#define SWAP_BYTES(x)                                                                   \
    _mm512_shuffle_epi8(x, _mm512_set_epi64(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL, \
                                            0x0c0d0e0f08090a0bLL, 0x0405060700010203LL, \
                                            0x0c0d0e0f08090a0bLL, 0x0405060700010203LL, \
                                            0x0c0d0e0f08090a0bLL, 0x0405060700010203LL))
#define AT_MOST(words, limits) _mm512_cmple_epu32_mask(words, limits)

#include "vector_scan.h"
#endif
