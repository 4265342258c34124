// SHA-256 in plain C (FIPS 180-4): the reference for the other kernels, and what runs where none of them can.
#include <string.h>

#include "kernels.h"

const uint32_t csha256_K[64] __attribute__((aligned(64))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

const uint32_t csha256_IV[8] __attribute__((aligned(32))) = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

const uint8_t csha256_padding_of_32[32] = {[0] = 0x80, [30] = 0x01};
const uint8_t csha256_padding_of_64[64] = {[0] = 0x80, [62] = 0x02};

const uint32_t csha256_KW_padding_of_64[64] __attribute__((aligned(64))) = {
    0xc28a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf374,
    0x649b69c1, 0xf0fe4786, 0x0fe1edc6, 0x240cf254, 0x4fe9346f, 0x6cc984be, 0x61b9411e, 0x16f988fa,
    0xf2c65152, 0xa88e5a6d, 0xb019fc65, 0xb9d99ec7, 0x9a1231c3, 0xe70eeaa0, 0xfdb1232b, 0xc7353eb0,
    0x3069bad5, 0xcb976d5f, 0x5a0f118f, 0xdc1eeefd, 0x0a35b689, 0xde0b7a04, 0x58f4ca9d, 0xe15d5b16,
    0x007f3e86, 0x37088980, 0xa507ea32, 0x6fab9537, 0x17406110, 0x0d8cd6f1, 0xcdaa3b6d, 0xc0bbbe37,
    0x83613bda, 0xdb48a363, 0x0b02e931, 0x6fd15ca7, 0x521afaca, 0x31338431, 0x6ed41a95, 0x6d437890,
    0xc39c91f2, 0x9eccabbd, 0xb5c9a0e6, 0x532fb63c, 0xd2c741c6, 0x07237ea3, 0xa4954b68, 0x4c191d76,
};

static inline uint32_t rotate_right(uint32_t x, int n) { return x >> n | x << (32 - n); }
static inline uint32_t big_sigma0(uint32_t x) {
    return rotate_right(x, 2) ^ rotate_right(x, 13) ^ rotate_right(x, 22);
}
static inline uint32_t big_sigma1(uint32_t x) {
    return rotate_right(x, 6) ^ rotate_right(x, 11) ^ rotate_right(x, 25);
}
static inline uint32_t sigma0(uint32_t x) { return rotate_right(x, 7) ^ rotate_right(x, 18) ^ x >> 3; }
static inline uint32_t sigma1(uint32_t x) { return rotate_right(x, 17) ^ rotate_right(x, 19) ^ x >> 10; }

static void rounds(uint32_t s[8], const uint32_t *w, int from, int to) {
    uint32_t a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
    for (int i = from; i < to; i++) {
        uint32_t t1 = h + big_sigma1(e) + ((e & f) ^ (~e & g)) + csha256_K[i] + w[i];
        uint32_t t2 = big_sigma0(a) + ((a & b) | (c & (a | b)));
        h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    s[0] = a, s[1] = b, s[2] = c, s[3] = d, s[4] = e, s[5] = f, s[6] = g, s[7] = h;
}

static void compress_words(uint32_t state[8], const uint32_t block[16]) {
    uint32_t w[64], s[8];
    memcpy(w, block, 64);
    for (int i = 16; i < 64; i++) w[i] = sigma1(w[i - 2]) + w[i - 7] + sigma0(w[i - 15]) + w[i - 16];
    memcpy(s, state, sizeof s);
    rounds(s, w, 0, 64);
    for (int i = 0; i < 8; i++) state[i] += s[i];
}

void csha256_compress_portable(uint32_t state[8], const uint8_t *blocks, size_t count) {
    for (; count > 0; count--, blocks += 64) {
        uint32_t words[16];
        for (int i = 0; i < 16; i++) words[i] = csha256_load_big_endian(blocks + 4 * i);
        compress_words(state, words);
    }
}

void csha256_double64_portable(uint8_t *out, const uint8_t *in, size_t count) {
    for (; count > 0; count--, in += 64, out += 32) {
        uint32_t state[8], second[16] = {[8] = 0x80000000, [15] = 256};
        memcpy(state, csha256_IV, sizeof state);
        csha256_compress_portable(state, in, 1);
        csha256_compress_portable(state, csha256_padding_of_64, 1);
        memcpy(second, state, sizeof state);
        memcpy(state, csha256_IV, sizeof state);
        compress_words(state, second);
        for (int i = 0; i < 8; i++) csha256_store_big_endian(out + 4 * i, state[i]);
    }
}

uint64_t csha256_scan_portable(const csha256_job *job, uint32_t start, uint32_t stride, uint64_t count,
                               uint32_t top, uint32_t *candidates, size_t capacity, size_t *found) {
    size_t hits = 0;
    uint64_t done = 0;
    while (done < count && capacity - hits >= CSHA256_SCAN_CAPACITY_MIN) {
        uint32_t nonce = start + (uint32_t)done++ * stride;
        uint32_t state[8];
        uint32_t first[16] = {job->tail[0], job->tail[1], job->tail[2], __builtin_bswap32(nonce), 0x80000000,
                              [15] = 640};
        uint32_t second[16] = {[8] = 0x80000000, [15] = 256};
        memcpy(state, job->midstate, sizeof state);
        compress_words(state, first);
        memcpy(second, state, sizeof state);
        memcpy(state, csha256_IV, sizeof state);
        compress_words(state, second);
        if (__builtin_bswap32(state[7]) <= top) candidates[hits++] = nonce;
    }
    *found = hits;
    return done;
}

void csha256_job_init(csha256_job *job, const uint8_t header[76]) {
    uint32_t midstate[8];
    memcpy(midstate, csha256_IV, sizeof midstate);
    csha256_compress(midstate, header, 1);
    csha256_job_resume(job, midstate, header + 64);
}

void csha256_job_resume(csha256_job *job, const uint32_t midstate[8], const uint8_t tail[12]) {
    memcpy(job->midstate, midstate, sizeof job->midstate);
    for (int i = 0; i < 3; i++) job->tail[i] = csha256_load_big_endian(tail + 4 * i);
    // The second block is w0...w2 = tail, w3 = nonce, w4 = 0x80000000, w5...w14 = 0, w15 = 640 (bits).
    const uint32_t *w = job->tail;
    job->w16 = w[0] + sigma0(w[1]);
    job->w17 = w[1] + sigma0(w[2]) + sigma1(640);
    job->w18_part = w[2] + sigma1(job->w16);
    job->w19_part = sigma0(0x80000000) + sigma1(job->w17);
    memcpy(job->after3, job->midstate, sizeof job->after3);
    rounds(job->after3, w, 0, 3);
}
