// SHA-256 with the ARMv8 cryptography extension. As on x86, independent messages run two at a time, because
// one alone waits for the latency of its own rounds.
#include "kernels.h"

#if CSHA256_ARM64
#include <arm_neon.h>

#if defined(__clang__)
#define SHA2 __attribute__((target("sha2")))
#else
#define SHA2 __attribute__((target("+crypto")))
#endif
#define ADD vaddq_u32
#define K4(i) vld1q_u32(csha256_K + (i))

// The working variables a...d and e...h of one stream.
typedef struct variables {
    uint32x4_t abcd, efgh;
} variables;

SHA2 static inline variables load_state(const uint32_t state[8]) {
    return (variables){vld1q_u32(state), vld1q_u32(state + 4)};
}

SHA2 static inline variables sum(variables a, variables b) {
    return (variables){ADD(a.abcd, b.abcd), ADD(a.efgh, b.efgh)};
}

// Four rounds; `kw` holds the four sums of K and W.
SHA2 static inline void rounds4(variables *v, uint32x4_t kw) {
    uint32x4_t abcd = v->abcd;
    v->abcd = vsha256hq_u32(abcd, v->efgh, kw);
    v->efgh = vsha256h2q_u32(v->efgh, abcd, kw);
}

// Replaces the four oldest schedule words `a` by the next four.
#define SCHEDULE(a, b, c, d) a = vsha256su1q_u32(vsha256su0q_u32(a, b), c, d)
#define QUADX2(i, a, b, c, d)         \
    SCHEDULE(x[a], x[b], x[c], x[d]); \
    SCHEDULE(y[a], y[b], y[c], y[d]); \
    rounds4(vx, ADD(x[a], K4(i)));    \
    rounds4(vy, ADD(y[a], K4(i)))

// All 64 rounds of two streams whose blocks are x and y; both are used up.
SHA2 static inline void rounds64x2(variables *vx, variables *vy, uint32x4_t x[4], uint32x4_t y[4]) {
    for (int i = 0; i < 4; i++) {
        rounds4(vx, ADD(x[i], K4(4 * i)));
        rounds4(vy, ADD(y[i], K4(4 * i)));
    }
    for (int i = 16; i < 64; i += 16) {
        QUADX2(i, 0, 1, 2, 3);
        QUADX2(i + 4, 1, 2, 3, 0);
        QUADX2(i + 8, 2, 3, 0, 1);
        QUADX2(i + 12, 3, 0, 1, 2);
    }
}

SHA2 static inline uint32x4_t load_words(const uint8_t *bytes) {
    return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(bytes)));
}

SHA2 static inline void store_words(uint8_t *bytes, uint32x4_t words) {
    vst1q_u8(bytes, vrev32q_u8(vreinterpretq_u8_u32(words)));
}

// Makes the block of a second hash from the digest of a first.
SHA2 static inline void digest_block(uint32x4_t block[4], variables digest) {
    static const uint32_t padding[8] = {0x80000000, 0, 0, 0, 0, 0, 0, 256};
    block[0] = digest.abcd;
    block[1] = digest.efgh;
    block[2] = vld1q_u32(padding);
    block[3] = vld1q_u32(padding + 4);
}

SHA2 void csha256_compress_armv8(uint32_t state[8], const uint8_t *blocks, size_t count) {
    variables v = load_state(state);
    for (; count > 0; count--, blocks += 64) {
        variables before = v;
        uint32x4_t m[4];
        for (int i = 0; i < 4; i++) {
            m[i] = load_words(blocks + 16 * i);
            rounds4(&v, ADD(m[i], K4(4 * i)));
        }
        for (int i = 16; i < 64; i += 16) {
            SCHEDULE(m[0], m[1], m[2], m[3]);
            rounds4(&v, ADD(m[0], K4(i)));
            SCHEDULE(m[1], m[2], m[3], m[0]);
            rounds4(&v, ADD(m[1], K4(i + 4)));
            SCHEDULE(m[2], m[3], m[0], m[1]);
            rounds4(&v, ADD(m[2], K4(i + 8)));
            SCHEDULE(m[3], m[0], m[1], m[2]);
            rounds4(&v, ADD(m[3], K4(i + 12)));
        }
        v = sum(v, before);
    }
    vst1q_u32(state, v.abcd);
    vst1q_u32(state + 4, v.efgh);
}

// Two nodes of a merkle tree. All input is read before the first output is written.
SHA2 static void double64_pair(uint8_t *out_x, uint8_t *out_y, const uint8_t *in_x, const uint8_t *in_y) {
    const variables iv = load_state(csha256_IV);
    uint32x4_t x[4], y[4];
    for (int i = 0; i < 4; i++) x[i] = load_words(in_x + 16 * i), y[i] = load_words(in_y + 16 * i);
    variables vx = iv, vy = iv;
    rounds64x2(&vx, &vy, x, y);
    variables first_x = vx = sum(vx, iv), first_y = vy = sum(vy, iv);
    // The second block of a 64-byte message is all padding: its schedule is the same for every node.
    for (int i = 0; i < 64; i += 4) {
        uint32x4_t kw = vld1q_u32(csha256_KW_padding_of_64 + i);
        rounds4(&vx, kw);
        rounds4(&vy, kw);
    }
    digest_block(x, sum(vx, first_x));
    digest_block(y, sum(vy, first_y));
    vx = vy = iv;
    rounds64x2(&vx, &vy, x, y);
    vx = sum(vx, iv), vy = sum(vy, iv);
    store_words(out_x, vx.abcd), store_words(out_x + 16, vx.efgh);
    store_words(out_y, vy.abcd), store_words(out_y + 16, vy.efgh);
}

SHA2 void csha256_double64_armv8(uint8_t *out, const uint8_t *in, size_t count) {
    for (; count >= 2; count -= 2, in += 128, out += 64) double64_pair(out, out + 32, in, in + 64);
    if (count == 1) double64_pair(out, out, in, in);
}

SHA2 uint64_t csha256_scan_armv8(const csha256_job *job, uint32_t start, uint32_t stride, uint64_t count,
                                 uint32_t top, uint32_t *candidates, size_t capacity, size_t *found) {
    static const uint32_t padding[12] = {0x80000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 640};
    const variables iv = load_state(csha256_IV), mid = load_state(job->midstate);
    const uint32_t tail[4] = {job->tail[0], job->tail[1], job->tail[2], 0};
    const uint32x4_t w0 = vld1q_u32(tail);
    size_t hits = 0;
    uint64_t done = 0;
    while (done < count && capacity - hits >= CSHA256_SCAN_CAPACITY_MIN) {
        const uint32_t nonce = start + (uint32_t)done * stride, second = nonce + stride;
        uint32x4_t x[4], y[4];
        x[0] = vsetq_lane_u32(__builtin_bswap32(nonce), w0, 3);
        y[0] = vsetq_lane_u32(__builtin_bswap32(second), w0, 3);
        for (int i = 1; i < 4; i++) x[i] = y[i] = vld1q_u32(padding + 4 * (i - 1));
        variables vx = mid, vy = mid;
        rounds64x2(&vx, &vy, x, y);
        digest_block(x, sum(vx, mid));
        digest_block(y, sum(vy, mid));
        vx = vy = iv;
        rounds64x2(&vx, &vy, x, y);
        uint32_t last_x = vgetq_lane_u32(vx.efgh, 3) + csha256_IV[7];
        uint32_t last_y = vgetq_lane_u32(vy.efgh, 3) + csha256_IV[7];
        if (__builtin_expect(__builtin_bswap32(last_x) <= top, 0)) candidates[hits++] = nonce;
        bool counts = count - done > 1;
        if (__builtin_expect(__builtin_bswap32(last_y) <= top && counts, 0)) candidates[hits++] = second;
        done += 2;
    }
    *found = hits;
    return done < count ? done : count;
}
#endif
