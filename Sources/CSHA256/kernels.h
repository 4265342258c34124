// What the kernels share with the dispatch. Not visible outside this room.
#pragma once
#include "csha256.h"

// FIPS 180-4, 4.2.2 and 5.3.3.
extern const uint32_t csha256_K[64];
extern const uint32_t csha256_IV[8];

typedef void csha256_compress_function(uint32_t state[8], const uint8_t *blocks, size_t count);
typedef void csha256_double64_function(uint8_t *out, const uint8_t *in, size_t count);
typedef uint64_t csha256_scan_function(const csha256_job *job, uint32_t start, uint32_t stride, uint64_t count,
                                       uint32_t top, uint32_t *candidates, size_t capacity, size_t *found);

csha256_compress_function csha256_compress_portable;
csha256_double64_function csha256_double64_portable;
csha256_scan_function csha256_scan_portable;

#if defined(__x86_64__) || defined(__i386__)
#define CSHA256_X86 1
csha256_compress_function csha256_compress_sha_ni;
csha256_double64_function csha256_double64_sha_ni;
csha256_scan_function csha256_scan_sha_ni;
csha256_scan_function csha256_scan_avx2;
csha256_scan_function csha256_scan_avx512;
extern bool csha256_has_avx;
#elif defined(__aarch64__)
#define CSHA256_ARM64 1
csha256_compress_function csha256_compress_armv8;
csha256_double64_function csha256_double64_armv8;
csha256_scan_function csha256_scan_armv8;
#endif

static inline uint32_t csha256_load_big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static inline void csha256_store_big_endian(uint8_t *bytes, uint32_t word) {
    bytes[0] = (uint8_t)(word >> 24);
    bytes[1] = (uint8_t)(word >> 16);
    bytes[2] = (uint8_t)(word >> 8);
    bytes[3] = (uint8_t)word;
}

// Padding of a 32-byte message (a digest) and of a 64-byte one (a merkle node), up to the end of its last
// block.
extern const uint8_t csha256_padding_of_32[32];
extern const uint8_t csha256_padding_of_64[64];
// K + W of the block that is the padding of a 64-byte message, round by round.
extern const uint32_t csha256_KW_padding_of_64[64];
