import Bitcoin
import SansIO
import Stratum
import Tap

/// Chapter 5: opening, updating and closing channels, and their groups.
enum ChannelChecks {
    static let all: [Check] = opening + updating + closing

    private static let easy = Target(difficulty: 1e-9)

    private static let opening: [Check] = [
        Check(
            "SV2-5.2.2-01", "A server that provides work opens standard channels", [.pool], Opening.setup(),
            Opening.standard(request: 77),
            [
                .judge { notes in
                    .pass("channel \(notes.channels().first?.id ?? 0) for request 77")
                }
            ]),
        Check(
            "SV2-5.2.2-02", "A server that provides work opens extended channels", [.pool], Opening.setup(),
            Opening.extended(request: 78, size: 4),
            [
                .judge { notes in
                    guard let channel = notes.channels().first else { return .unknown("no channel") }
                    return channel.size >= 4
                        ? .pass("\(channel.size) bytes of extranonce")
                        : .fail("\(channel.size) bytes of extranonce where 4 are the least")
                }
            ]),
        Check(
            "SV2-5.2-01", "Channels and groups of a connection have ids of their own", [.pool],
            Opening.setup(), Opening.standard(request: 1), Opening.extended(request: 2),
            Opening.standard(request: 3), Opening.extended(request: 4),
            [
                .judge { notes in
                    let ids = notes.channels().map(\.id)
                    let groups = Set(notes.channels().map(\.group))
                    if Set(ids).count < ids.count { return .fail("two channels have the same id: \(ids)") }
                    if !groups.isDisjoint(with: ids) {
                        return .fail("a group has a channel's id: channels \(ids), groups \(groups.sorted())")
                    }
                    return .pass("channels \(ids), groups \(groups.sorted())")
                }
            ]),
        Check(
            "SV2-5.2.3-01", "All channels of a group have the same full extranonce size", [.pool],
            Opening.setup(), Opening.standard(request: 1), Opening.extended(request: 2),
            Opening.extended(request: 3, size: 2),
            [
                .judge { notes in
                    var sizes: [UInt32: Int] = [:]
                    for channel in notes.channels() {
                        let size = channel.prefix.count + channel.size
                        if let other = sizes[channel.group], other != size {
                            return .fail(
                                "group \(channel.group) has extranonces of \(other) and \(size) bytes")
                        }
                        sizes[channel.group] = size
                    }
                    return .pass("\(sizes.values.sorted()) bytes")
                }
            ]),
        Check(
            "SV2-5.1-01", "Channels get different parts of the search space, across connections too", [.pool],
            Opening.setup(), Opening.setup(slot: 1), Opening.extended(request: 1),
            Opening.standard(request: 2), Opening.extended(request: 3, slot: 1),
            Opening.standard(request: 4, slot: 1),
            [
                .judge { notes in
                    let all = notes.channels(0) + notes.channels(1)
                    for (index, one) in all.enumerated() {
                        for other in all[..<index] {
                            let count = min(one.prefix.count, other.prefix.count)
                            guard one.prefix.prefix(count) == other.prefix.prefix(count) else { continue }
                            return .fail(
                                "extranonce prefixes \(other.prefix.hex) and \(one.prefix.hex) overlap")
                        }
                    }
                    return .pass("\(all.count) disjoint extranonce prefixes")
                }
            ]),
        Check(
            "SV2-5.3.2-01",
            "A target is never easier than the client's max_target, or the channel is refused",
            [.pool], Opening.setup(),
            [
                .say(
                    Mining.OpenStandardMiningChannel(
                        requestID: 5, userIdentity: "conformance.probe", nominalHashRate: 1,
                        maxTarget: Target(difficulty: 1_000_000))),
                .answer(timeout: .fail("no answer came")) { frame, _ in
                    if let open = try? Mining.OpenStandardMiningChannelSuccess(frame: frame) {
                        return .end(
                            open.target <= Target(difficulty: 1_000_000)
                                ? .pass("difficulty \(open.target.difficulty)")
                                : .fail("the target is easier than max_target"))
                    }
                    if let error = try? Mining.OpenMiningChannelError(frame: frame) {
                        return .end(
                            error.requestID == 5
                                ? .pass("refused: \(error.errorCode)")
                                : .fail("the error names request \(error.requestID) instead of 5"))
                    }
                    return .ignore
                },
            ]),
        Check(
            "SV2-5.3.2-02",
            "A max_target of zero cannot be met: OpenMiningChannel.Error with the request's id",
            [.pool], Opening.setup(), refused(maxTarget: Target(.zero))),
        Check(
            "SV2-5.3.4-01", "More extranonce than there is: OpenMiningChannel.Error with the request's id",
            [.pool],
            Opening.setup(), refused(size: .max)),
        Check(
            "LAB-OPEN-01", "A hash rate that is no number is refused", [.pool], Opening.setup(),
            refused(hashRate: .nan)),
        Check(
            "LAB-OPEN-02", "A negative hash rate is refused", [.pool], Opening.setup(), refused(hashRate: -1)),
        Check(
            "LAB-OPEN-03", "A hash rate of 0.0, which a proxy without devices must send, is accepted",
            [.pool],
            Opening.setup(), Opening.extended(hashRate: 0), [.end(.pass("opened"))]),
        Check(
            "SV2-5.3.1-01", "With REQUIRES_STANDARD_JOBS no extended job and no group message comes", [.pool],
            Opening.setup(flags: 1), Opening.standard(), [Opening.work(), .rest(.seconds(1))],
            [
                .judge { notes in
                    for frame in notes.frames() {
                        let name = MessageCatalog.name(of: frame)
                        if name == "NewExtendedMiningJob" || name == "SetGroupChannel" {
                            return .fail("\(name) came")
                        }
                    }
                    return .pass("only NewMiningJob")
                }
            ]),
        Check(
            "SV2-5.3.1-02", "With REQUIRES_VERSION_ROLLING the server does not require a fixed version",
            [.pool],
            Opening.setup(flags: 4),
            [
                .judge { notes in
                    (notes.numbers["server flags"] ?? 0) & 1 == 0
                        ? nil : .fail("REQUIRES_FIXED_VERSION is set")
                }
            ], Opening.extended(), [Opening.work()],
            [
                .judge { notes in
                    notes.all(Mining.NewExtendedMiningJob.self).allSatisfy(\.versionRollingAllowed)
                        ? .pass("every job allows version rolling")
                        : .fail("a job does not allow version rolling")
                }
            ]),
        Check(
            "SV2-5.3.1-03", "With REQUIRES_FIXED_VERSION no extended job allows version rolling", [.pool],
            Opening.setup(),
            [
                .judge { notes in
                    (notes.numbers["server flags"] ?? 0) & 1 == 1
                        ? nil : .skip("the server does not require a fixed version")
                }
            ], Opening.extended(), [Opening.work()],
            [
                .judge { notes in
                    notes.all(Mining.NewExtendedMiningJob.self).contains(where: \.versionRollingAllowed)
                        ? .fail("a job allows version rolling") : .pass("no job allows version rolling")
                }
            ]),
    ]

    private static func refused(
        hashRate: Float = 1, maxTarget: Target = .max, size: UInt16 = 4
    ) -> [Step] {
        [
            .say(
                Mining.OpenExtendedMiningChannel(
                    requestID: 31, userIdentity: "conformance.probe", nominalHashRate: hashRate,
                    maxTarget: maxTarget, minExtranonceSize: size)),
            .answer(timeout: .fail("no answer came"), ended: .fail("closed without an answer")) { frame, _ in
                if (try? Mining.OpenExtendedMiningChannelSuccess(frame: frame)) != nil {
                    return .end(.fail("the channel was opened"))
                }
                guard let error = try? Mining.OpenMiningChannelError(frame: frame) else { return .ignore }
                return .end(
                    error.requestID == 31
                        ? .pass("refused: \(error.errorCode)")
                        : .fail("the error names request \(error.requestID) instead of 31"))
            },
        ]
    }

    private static let updating: [Check] = [
        Check(
            "SV2-5.3.7-01", "A smaller maximum_target is reflected by SetTarget", [.pool], Opening.setup(),
            Opening.extended(),
            [
                .send { notes in
                    guard let channel = notes.channels().first else { return [] }
                    return [
                        .message(
                            Mining.UpdateChannel(
                                channelID: channel.id, nominalHashRate: 1,
                                maximumTarget: Target(difficulty: 50_000)))
                    ]
                },
                .answer(timeout: .fail("no SetTarget came")) { frame, notes in
                    if let error = try? Mining.UpdateChannelError(frame: frame) {
                        return .end(.fail("refused: \(error.errorCode)"))
                    }
                    guard let message = try? Mining.SetTarget(frame: frame),
                        let channel = notes.channels().first,
                        [channel.id, channel.group].contains(message.channelID)
                    else { return .ignore }
                    return .end(
                        message.maximumTarget <= Target(difficulty: 50_000)
                            ? .pass("SetTarget of difficulty \(message.maximumTarget.difficulty)")
                            : .fail("SetTarget is easier than the client's maximum"))
                },
            ]),
        Check(
            "SV2-5.3.8-01", "UpdateChannel of a channel that there is not is answered by UpdateChannel.Error",
            [.pool], Opening.setup(), Opening.standard(),
            [
                .say(
                    Mining.UpdateChannel(channelID: 0x00ff_fff1, nominalHashRate: 1, maximumTarget: .max)),
                .expect(Mining.UpdateChannelError.self) { error, _ in
                    error.channelID == 0x00ff_fff1
                        ? .pass("\(error.errorCode)") : .fail("it names channel \(error.channelID)")
                },
            ]),
        Check(
            "SV2-5.3.8-02", "An accepted UpdateChannel is not answered by an error", [.pool], Opening.setup(),
            Opening.standard(),
            [
                .send { notes in
                    [
                        .message(
                            Mining.UpdateChannel(
                                channelID: notes.channels().first?.id ?? 0, nominalHashRate: 2,
                                maximumTarget: .max))
                    ]
                },
                .wait(
                    Wait(
                        patience: .seconds(1),
                        hear: { heard, _ in
                            if heard.isEnd { return .end(.fail(heard.endText)) }
                            guard let frame = heard.frame,
                                let error = try? Mining.UpdateChannelError(frame: frame)
                            else { return .ignore }
                            return .end(.fail("refused: \(error.errorCode)"))
                        }, timeout: .pass("no error"))),
            ]),
        Check(
            "LAB-UPDATE-01", "UpdateChannel with a hash rate that is no number does not end the service",
            [.pool],
            Opening.setup(), Opening.standard(),
            [
                .send { notes in
                    [
                        .message(
                            Mining.UpdateChannel(
                                channelID: notes.channels().first?.id ?? 0, nominalHashRate: .nan,
                                maximumTarget: Target(.zero)))
                    ]
                }
            ], ConnectionChecks.alive("after UpdateChannel with NaN")),
    ]

    private static let closing: [Check] = [
        Check(
            "SV2-5.3.9-01", "After CloseChannel no message comes for the channel, and its shares are errors",
            [.pool], Opening.setup(), Opening.standard(), [Opening.work()],
            [
                .send { notes in
                    guard let channel = notes.channels().first,
                        let work = notes.work(on: channel)
                    else { return [] }
                    notes.numbers["closed at"] = UInt64(notes.heard.count)
                    let share = notes.share(work, nonce: 1)
                    return [
                        .message(Mining.CloseChannel(channelID: channel.id, reasonCode: "done")),
                        Outgoing(0, .frame(share)),
                    ]
                },
                .expect(Mining.SubmitSharesError.self), .rest(.seconds(2)),
                .judge { notes in
                    guard let channel = notes.channels().first else { return .unknown("no channel") }
                    // What the server had sent before it read CloseChannel may still come in the first moment.
                    let late = notes.heard.filter { heard in
                        guard let frame = heard.frame, frame.channelID == channel.id else { return false }
                        return !["SubmitShares.Error", "CloseChannel"].contains(
                            MessageCatalog.name(of: frame))
                    }
                    let began = Int(notes.numbers["closed at"] ?? 0)
                    let after = late.filter { one in
                        notes.heard[began...].contains { $0.at == one.at && $0.frame == one.frame }
                    }
                    return after.isEmpty
                        ? .pass("nothing came any more")
                        : .fail("\(MessageCatalog.name(of: after[0].frame!)) came for the closed channel")
                },
            ]),
        Check(
            "SV2-5.3.9-02", "CloseChannel of a group closes all of its channels", [.pool], Opening.setup(),
            Opening.extended(request: 1), Opening.extended(request: 2), [Opening.work()],
            [
                .send { notes in
                    guard let channel = notes.channels().first else { return [] }
                    var outgoing: [Outgoing] = [
                        .message(Mining.CloseChannel(channelID: channel.group, reasonCode: "done"))
                    ]
                    for channel in notes.channels() {
                        guard let work = notes.work(on: channel) else { continue }
                        outgoing.append(Outgoing(0, .frame(notes.share(work, nonce: 1))))
                    }
                    return outgoing
                },
                .answer(
                    timeout: .fail("no SubmitShares.Error came: the channels are still open"),
                    ended: .fail("the connection was closed")
                ) { frame, notes in
                    if (try? Mining.SubmitSharesSuccess(frame: frame)) != nil {
                        return .end(.fail("a share of a closed channel was accepted"))
                    }
                    guard (try? Mining.SubmitSharesError(frame: frame)) != nil else { return .ignore }
                    notes.numbers["errors", default: 0] += 1
                    let codes = notes.all(Mining.SubmitSharesError.self).map(\.errorCode)
                    return notes.numbers["errors"] == 2
                        ? .end(.pass("both channels are gone: \(codes)")) : .ignore
                },
            ]),
        Check(
            "LAB-CLOSE-01", "CloseChannel of a channel that there is not does not end the service", [.pool],
            Opening.setup(), [.say(Mining.CloseChannel(channelID: 0x00ff_fff1, reasonCode: "?"))],
            ConnectionChecks.alive("after CloseChannel of an unknown channel")),
        Check(
            "SV2-5.3.2-03", "A connection on which no channel is opened is closed for inactivity", [.pool],
            [.judge { notes in notes.settings.includesSlow ? nil : .skip("takes minutes: --slow") }],
            Opening.setup(),
            [
                .closes(patience: .minutes(5), otherwise: .fail("still open after five minutes")),
                .end(.pass("closed")),
            ]),
    ]
}
