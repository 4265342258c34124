// The nonce scan over vectors: one lane, one nonce. Included once for each instruction set, which says before
// what it is made of:
//
//   TARGET  function attribute          LANES          nonces in a vector
//   VECTOR  type                        ADD BROADCAST LOAD SWAP_BYTES
//   BIG_SIGMA0 BIG_SIGMA1 SIGMA0 SIGMA1 CHOOSE MAJORITY   as in FIPS 180-4, 4.1.2
//   AT_MOST(words, limits)              bit mask of the lanes with words <= limits, unsigned
//   SCAN                                name of the function
//
// What need not be computed for every nonce is not: rounds 0...2 and schedule words 16 and 17 of the first
// hash come with the job, padding words are folded into constants, and of the second hash only the last word
// is wanted, which exists after round 60 and does not need the a-path of the four rounds before.

// Constants of the padding: sigma0 and sigma1 (FIPS 180-4) of the lengths in bits, 640 and 256, and of
// 0x80000000.
enum {
    SIGMA0_OF_640 = 0x00a00055,
    SIGMA1_OF_256 = 0x00a00000,
    SIGMA0_OF_256 = 0x00400022,
    SIGMA0_OF_END = 0x11002000,
};
// Round 0 of a second hash adds w0 to these two; all else in it is constant.
#define ROUND0_D 0x98c7e2a2u
#define ROUND0_H 0xfc08884du
#define END_OF_MESSAGE 0x80000000u

// Names rotate instead of values: after a round, what was h is the new a.
#define ROUND(a, b, c, d, e, f, g, h, kw)                                 \
    do {                                                                  \
        VECTOR t1 = ADD(ADD(h, kw), ADD(BIG_SIGMA1(e), CHOOSE(e, f, g))); \
        d = ADD(d, t1);                                                   \
        h = ADD(t1, ADD(BIG_SIGMA0(a), MAJORITY(a, b, c)));               \
    } while (0)
#define ROUND_WITHOUT_A(a, b, c, d, e, f, g, h, kw) \
    d = ADD(d, ADD(ADD(h, kw), ADD(BIG_SIGMA1(e), CHOOSE(e, f, g))))

#define K(i) BROADCAST(csha256_K[i])
#define KW(i, w) ADD(K(i), w)

#define ROUNDS8(i, x0, x1, x2, x3, x4, x5, x6, x7) \
    ROUND(a, b, c, d, e, f, g, h, KW(i, x0));      \
    ROUND(h, a, b, c, d, e, f, g, KW(i + 1, x1));  \
    ROUND(g, h, a, b, c, d, e, f, KW(i + 2, x2));  \
    ROUND(f, g, h, a, b, c, d, e, KW(i + 3, x3));  \
    ROUND(e, f, g, h, a, b, c, d, KW(i + 4, x4));  \
    ROUND(d, e, f, g, h, a, b, c, KW(i + 5, x5));  \
    ROUND(c, d, e, f, g, h, a, b, KW(i + 6, x6));  \
    ROUND(b, c, d, e, f, g, h, a, KW(i + 7, x7))

// Rounds 8...15 of a block whose words 8...14 are `w8` and zeros, and whose word 15 is its length in bits.
#define ROUNDS_OF_PADDING(w8, length)                              \
    ROUND(a, b, c, d, e, f, g, h, BROADCAST(csha256_K[8] + (w8))); \
    ROUND(h, a, b, c, d, e, f, g, K(9));                           \
    ROUND(g, h, a, b, c, d, e, f, K(10));                          \
    ROUND(f, g, h, a, b, c, d, e, K(11));                          \
    ROUND(e, f, g, h, a, b, c, d, K(12));                          \
    ROUND(d, e, f, g, h, a, b, c, K(13));                          \
    ROUND(c, d, e, f, g, h, a, b, K(14));                          \
    ROUND(b, c, d, e, f, g, h, a, BROADCAST(csha256_K[15] + (length)))

// The next schedule word, in the place of the one sixteen before; the same with the round that takes it.
#define SCHEDULE(x0, x1, x9, x14) x0 = ADD(ADD(x0, SIGMA0(x1)), ADD(x9, SIGMA1(x14)))
#define STEP(x0, x1, x9, x14, a, b, c, d, e, f, g, h, i) \
    SCHEDULE(x0, x1, x9, x14);                           \
    ROUND(a, b, c, d, e, f, g, h, KW(i, x0))

#define STEPS8(i)                                          \
    STEP(w0, w1, w9, w14, a, b, c, d, e, f, g, h, i);      \
    STEP(w1, w2, w10, w15, h, a, b, c, d, e, f, g, i + 1); \
    STEP(w2, w3, w11, w0, g, h, a, b, c, d, e, f, i + 2);  \
    STEP(w3, w4, w12, w1, f, g, h, a, b, c, d, e, i + 3);  \
    STEP(w4, w5, w13, w2, e, f, g, h, a, b, c, d, i + 4);  \
    STEP(w5, w6, w14, w3, d, e, f, g, h, a, b, c, i + 5);  \
    STEP(w6, w7, w15, w4, c, d, e, f, g, h, a, b, i + 6);  \
    STEP(w7, w8, w0, w5, b, c, d, e, f, g, h, a, i + 7)
#define STEPS16(i)                                           \
    STEPS8(i);                                               \
    STEP(w8, w9, w1, w6, a, b, c, d, e, f, g, h, i + 8);     \
    STEP(w9, w10, w2, w7, h, a, b, c, d, e, f, g, i + 9);    \
    STEP(w10, w11, w3, w8, g, h, a, b, c, d, e, f, i + 10);  \
    STEP(w11, w12, w4, w9, f, g, h, a, b, c, d, e, i + 11);  \
    STEP(w12, w13, w5, w10, e, f, g, h, a, b, c, d, i + 12); \
    STEP(w13, w14, w6, w11, d, e, f, g, h, a, b, c, i + 13); \
    STEP(w14, w15, w7, w12, c, d, e, f, g, h, a, b, i + 14); \
    STEP(w15, w0, w8, w13, b, c, d, e, f, g, h, a, i + 15)

// Schedule words 16...31 of the second block of a header, whose word 3 is `nonces` (as big-endian words).
#define FIRST_SCHEDULE                                         \
    w0 = BROADCAST(job->w16);                                  \
    w1 = BROADCAST(job->w17);                                  \
    w2 = ADD(BROADCAST(job->w18_part), SIGMA0(nonces));        \
    w3 = ADD(BROADCAST(job->w19_part), nonces);                \
    w4 = ADD(SIGMA1(w2), BROADCAST(END_OF_MESSAGE));           \
    w5 = SIGMA1(w3);                                           \
    w6 = ADD(SIGMA1(w4), BROADCAST(640));                      \
    w7 = ADD(SIGMA1(w5), w0);                                  \
    w8 = ADD(SIGMA1(w6), w1);                                  \
    w9 = ADD(SIGMA1(w7), w2);                                  \
    w10 = ADD(SIGMA1(w8), w3);                                 \
    w11 = ADD(SIGMA1(w9), w4);                                 \
    w12 = ADD(SIGMA1(w10), w5);                                \
    w13 = ADD(SIGMA1(w11), w6);                                \
    w14 = ADD(ADD(SIGMA1(w12), w7), BROADCAST(SIGMA0_OF_640)); \
    w15 = ADD(ADD(SIGMA1(w13), w8), ADD(SIGMA0(w0), BROADCAST(640)))

// Schedule words 16...31 of a block that holds the digest in w0...w7.
#define SECOND_SCHEDULE                                               \
    w0 = ADD(w0, SIGMA0(w1));                                         \
    w1 = ADD(ADD(w1, SIGMA0(w2)), BROADCAST(SIGMA1_OF_256));          \
    w2 = ADD(ADD(w2, SIGMA0(w3)), SIGMA1(w0));                        \
    w3 = ADD(ADD(w3, SIGMA0(w4)), SIGMA1(w1));                        \
    w4 = ADD(ADD(w4, SIGMA0(w5)), SIGMA1(w2));                        \
    w5 = ADD(ADD(w5, SIGMA0(w6)), SIGMA1(w3));                        \
    w6 = ADD(ADD(w6, SIGMA0(w7)), ADD(SIGMA1(w4), BROADCAST(256)));   \
    w7 = ADD(ADD(w7, BROADCAST(SIGMA0_OF_END)), ADD(SIGMA1(w5), w0)); \
    w8 = ADD(ADD(SIGMA1(w6), w1), BROADCAST(END_OF_MESSAGE));         \
    w9 = ADD(SIGMA1(w7), w2);                                         \
    w10 = ADD(SIGMA1(w8), w3);                                        \
    w11 = ADD(SIGMA1(w9), w4);                                        \
    w12 = ADD(SIGMA1(w10), w5);                                       \
    w13 = ADD(SIGMA1(w11), w6);                                       \
    w14 = ADD(ADD(SIGMA1(w12), w7), BROADCAST(SIGMA0_OF_256));        \
    w15 = ADD(ADD(SIGMA1(w13), w8), ADD(SIGMA0(w0), BROADCAST(256)))

TARGET uint64_t SCAN(const csha256_job *job, uint32_t start, uint32_t stride, uint64_t count, uint32_t top,
                     uint32_t *candidates, size_t capacity, size_t *found) {
    const VECTOR tops = BROADCAST(top);
    const uint32_t *mid = job->midstate, *s = job->after3;
    uint32_t firsts[LANES];
    for (uint32_t lane = 0; lane < LANES; lane++) firsts[lane] = start + lane * stride;
    VECTOR numbers = LOAD(firsts);
    size_t hits = 0;
    uint64_t done = 0;
    while (done < count && capacity - hits >= CSHA256_SCAN_CAPACITY_MIN) {
        const VECTOR nonces = SWAP_BYTES(numbers);
        VECTOR w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15;

        // The state after three rounds, named so that round 3 finds the names rotated thrice.
        VECTOR f = BROADCAST(s[0]), g = BROADCAST(s[1]), h = BROADCAST(s[2]), a = BROADCAST(s[3]);
        VECTOR b = BROADCAST(s[4]), c = BROADCAST(s[5]), d = BROADCAST(s[6]), e = BROADCAST(s[7]);
        ROUND(f, g, h, a, b, c, d, e, KW(3, nonces));
        ROUND(e, f, g, h, a, b, c, d, BROADCAST(csha256_K[4] + END_OF_MESSAGE));
        ROUND(d, e, f, g, h, a, b, c, K(5));
        ROUND(c, d, e, f, g, h, a, b, K(6));
        ROUND(b, c, d, e, f, g, h, a, K(7));
        ROUNDS_OF_PADDING(0, 640);
        FIRST_SCHEDULE;
        ROUNDS8(16, w0, w1, w2, w3, w4, w5, w6, w7);
        ROUNDS8(24, w8, w9, w10, w11, w12, w13, w14, w15);
        STEPS16(32);
        STEPS16(48);

        w0 = ADD(a, BROADCAST(mid[0])), w1 = ADD(b, BROADCAST(mid[1]));
        w2 = ADD(c, BROADCAST(mid[2])), w3 = ADD(d, BROADCAST(mid[3]));
        w4 = ADD(e, BROADCAST(mid[4])), w5 = ADD(f, BROADCAST(mid[5]));
        w6 = ADD(g, BROADCAST(mid[6])), w7 = ADD(h, BROADCAST(mid[7]));
        a = BROADCAST(csha256_IV[0]), b = BROADCAST(csha256_IV[1]), c = BROADCAST(csha256_IV[2]);
        e = BROADCAST(csha256_IV[4]), f = BROADCAST(csha256_IV[5]), g = BROADCAST(csha256_IV[6]);
        d = ADD(w0, BROADCAST(ROUND0_D));
        h = ADD(w0, BROADCAST(ROUND0_H));
        ROUND(h, a, b, c, d, e, f, g, KW(1, w1));
        ROUND(g, h, a, b, c, d, e, f, KW(2, w2));
        ROUND(f, g, h, a, b, c, d, e, KW(3, w3));
        ROUND(e, f, g, h, a, b, c, d, KW(4, w4));
        ROUND(d, e, f, g, h, a, b, c, KW(5, w5));
        ROUND(c, d, e, f, g, h, a, b, KW(6, w6));
        ROUND(b, c, d, e, f, g, h, a, KW(7, w7));
        ROUNDS_OF_PADDING(END_OF_MESSAGE, 256);
        SECOND_SCHEDULE;
        ROUNDS8(16, w0, w1, w2, w3, w4, w5, w6, w7);
        ROUNDS8(24, w8, w9, w10, w11, w12, w13, w14, w15);
        STEPS16(32);
        STEPS8(48);
        STEP(w8, w9, w1, w6, a, b, c, d, e, f, g, h, 56);
        SCHEDULE(w9, w10, w2, w7);
        ROUND_WITHOUT_A(h, a, b, c, d, e, f, g, KW(57, w9));
        SCHEDULE(w10, w11, w3, w8);
        ROUND_WITHOUT_A(g, h, a, b, c, d, e, f, KW(58, w10));
        SCHEDULE(w11, w12, w4, w9);
        ROUND_WITHOUT_A(f, g, h, a, b, c, d, e, KW(59, w11));
        SCHEDULE(w12, w13, w5, w10);
        ROUND_WITHOUT_A(e, f, g, h, a, b, c, d, KW(60, w12));

        uint32_t lanes = AT_MOST(SWAP_BYTES(ADD(h, BROADCAST(csha256_IV[7]))), tops);
        while (__builtin_expect(lanes != 0, 0)) {
            uint32_t lane = (uint32_t)__builtin_ctz(lanes);
            lanes &= lanes - 1;
            if (done + lane < count) candidates[hits++] = start + ((uint32_t)done + lane) * stride;
        }
        numbers = ADD(numbers, BROADCAST(LANES * stride));
        done += LANES;
    }
    *found = hits;
    return done < count ? done : count;
}
