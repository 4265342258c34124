/// Script opcodes that have a name (Core: `script/script.h`). The direct pushes 0x01...0x4b and the
/// unassigned bytes have none.
public enum Opcode: UInt8, Hashable, Sendable, CaseIterable {
    case zero = 0x00
    case pushData1 = 0x4c
    case pushData2 = 0x4d
    case pushData4 = 0x4e
    case negativeOne = 0x4f
    case reserved = 0x50
    case one = 0x51
    case two = 0x52
    case three = 0x53
    case four = 0x54
    case five = 0x55
    case six = 0x56
    case seven = 0x57
    case eight = 0x58
    case nine = 0x59
    case ten = 0x5a
    case eleven = 0x5b
    case twelve = 0x5c
    case thirteen = 0x5d
    case fourteen = 0x5e
    case fifteen = 0x5f
    case sixteen = 0x60
    case nop = 0x61
    case ver = 0x62
    case `if` = 0x63
    case notIf = 0x64
    case verIf = 0x65
    case verNotIf = 0x66
    case `else` = 0x67
    case endIf = 0x68
    case verify = 0x69
    case `return` = 0x6a
    case toAltStack = 0x6b
    case fromAltStack = 0x6c
    case twoDrop = 0x6d
    case twoDup = 0x6e
    case threeDup = 0x6f
    case twoOver = 0x70
    case twoRot = 0x71
    case twoSwap = 0x72
    case ifDup = 0x73
    case depth = 0x74
    case drop = 0x75
    case dup = 0x76
    case nip = 0x77
    case over = 0x78
    case pick = 0x79
    case roll = 0x7a
    case rot = 0x7b
    case swap = 0x7c
    case tuck = 0x7d
    case cat = 0x7e
    case substr = 0x7f
    case left = 0x80
    case right = 0x81
    case size = 0x82
    case invert = 0x83
    case and = 0x84
    case or = 0x85
    case xor = 0x86
    case equal = 0x87
    case equalVerify = 0x88
    case reserved1 = 0x89
    case reserved2 = 0x8a
    case oneAdd = 0x8b
    case oneSub = 0x8c
    case twoMul = 0x8d
    case twoDiv = 0x8e
    case negate = 0x8f
    case abs = 0x90
    case not = 0x91
    case zeroNotEqual = 0x92
    case add = 0x93
    case sub = 0x94
    case mul = 0x95
    case div = 0x96
    case mod = 0x97
    case leftShift = 0x98
    case rightShift = 0x99
    case boolAnd = 0x9a
    case boolOr = 0x9b
    case numEqual = 0x9c
    case numEqualVerify = 0x9d
    case numNotEqual = 0x9e
    case lessThan = 0x9f
    case greaterThan = 0xa0
    case lessThanOrEqual = 0xa1
    case greaterThanOrEqual = 0xa2
    case min = 0xa3
    case max = 0xa4
    case within = 0xa5
    case ripemd160 = 0xa6
    case sha1 = 0xa7
    case sha256 = 0xa8
    case hash160 = 0xa9
    case hash256 = 0xaa
    case codeSeparator = 0xab
    case checkSig = 0xac
    case checkSigVerify = 0xad
    case checkMultiSig = 0xae
    case checkMultiSigVerify = 0xaf
    case nop1 = 0xb0
    case checkLockTimeVerify = 0xb1
    case checkSequenceVerify = 0xb2
    case nop4 = 0xb3
    case nop5 = 0xb4
    case nop6 = 0xb5
    case nop7 = 0xb6
    case nop8 = 0xb7
    case nop9 = 0xb8
    case nop10 = 0xb9
    case checkSigAdd = 0xba
    case invalidOpcode = 0xff

    /// The name that Core prints; small numbers are printed as numbers.
    public var name: String {
        switch self {
        case .zero: "0"
        case .pushData1: "OP_PUSHDATA1"
        case .pushData2: "OP_PUSHDATA2"
        case .pushData4: "OP_PUSHDATA4"
        case .negativeOne: "-1"
        case .reserved: "OP_RESERVED"
        case .one: "1"
        case .two: "2"
        case .three: "3"
        case .four: "4"
        case .five: "5"
        case .six: "6"
        case .seven: "7"
        case .eight: "8"
        case .nine: "9"
        case .ten: "10"
        case .eleven: "11"
        case .twelve: "12"
        case .thirteen: "13"
        case .fourteen: "14"
        case .fifteen: "15"
        case .sixteen: "16"
        case .nop: "OP_NOP"
        case .ver: "OP_VER"
        case .`if`: "OP_IF"
        case .notIf: "OP_NOTIF"
        case .verIf: "OP_VERIF"
        case .verNotIf: "OP_VERNOTIF"
        case .`else`: "OP_ELSE"
        case .endIf: "OP_ENDIF"
        case .verify: "OP_VERIFY"
        case .`return`: "OP_RETURN"
        case .toAltStack: "OP_TOALTSTACK"
        case .fromAltStack: "OP_FROMALTSTACK"
        case .twoDrop: "OP_2DROP"
        case .twoDup: "OP_2DUP"
        case .threeDup: "OP_3DUP"
        case .twoOver: "OP_2OVER"
        case .twoRot: "OP_2ROT"
        case .twoSwap: "OP_2SWAP"
        case .ifDup: "OP_IFDUP"
        case .depth: "OP_DEPTH"
        case .drop: "OP_DROP"
        case .dup: "OP_DUP"
        case .nip: "OP_NIP"
        case .over: "OP_OVER"
        case .pick: "OP_PICK"
        case .roll: "OP_ROLL"
        case .rot: "OP_ROT"
        case .swap: "OP_SWAP"
        case .tuck: "OP_TUCK"
        case .cat: "OP_CAT"
        case .substr: "OP_SUBSTR"
        case .left: "OP_LEFT"
        case .right: "OP_RIGHT"
        case .size: "OP_SIZE"
        case .invert: "OP_INVERT"
        case .and: "OP_AND"
        case .or: "OP_OR"
        case .xor: "OP_XOR"
        case .equal: "OP_EQUAL"
        case .equalVerify: "OP_EQUALVERIFY"
        case .reserved1: "OP_RESERVED1"
        case .reserved2: "OP_RESERVED2"
        case .oneAdd: "OP_1ADD"
        case .oneSub: "OP_1SUB"
        case .twoMul: "OP_2MUL"
        case .twoDiv: "OP_2DIV"
        case .negate: "OP_NEGATE"
        case .abs: "OP_ABS"
        case .not: "OP_NOT"
        case .zeroNotEqual: "OP_0NOTEQUAL"
        case .add: "OP_ADD"
        case .sub: "OP_SUB"
        case .mul: "OP_MUL"
        case .div: "OP_DIV"
        case .mod: "OP_MOD"
        case .leftShift: "OP_LSHIFT"
        case .rightShift: "OP_RSHIFT"
        case .boolAnd: "OP_BOOLAND"
        case .boolOr: "OP_BOOLOR"
        case .numEqual: "OP_NUMEQUAL"
        case .numEqualVerify: "OP_NUMEQUALVERIFY"
        case .numNotEqual: "OP_NUMNOTEQUAL"
        case .lessThan: "OP_LESSTHAN"
        case .greaterThan: "OP_GREATERTHAN"
        case .lessThanOrEqual: "OP_LESSTHANOREQUAL"
        case .greaterThanOrEqual: "OP_GREATERTHANOREQUAL"
        case .min: "OP_MIN"
        case .max: "OP_MAX"
        case .within: "OP_WITHIN"
        case .ripemd160: "OP_RIPEMD160"
        case .sha1: "OP_SHA1"
        case .sha256: "OP_SHA256"
        case .hash160: "OP_HASH160"
        case .hash256: "OP_HASH256"
        case .codeSeparator: "OP_CODESEPARATOR"
        case .checkSig: "OP_CHECKSIG"
        case .checkSigVerify: "OP_CHECKSIGVERIFY"
        case .checkMultiSig: "OP_CHECKMULTISIG"
        case .checkMultiSigVerify: "OP_CHECKMULTISIGVERIFY"
        case .nop1: "OP_NOP1"
        case .checkLockTimeVerify: "OP_CHECKLOCKTIMEVERIFY"
        case .checkSequenceVerify: "OP_CHECKSEQUENCEVERIFY"
        case .nop4: "OP_NOP4"
        case .nop5: "OP_NOP5"
        case .nop6: "OP_NOP6"
        case .nop7: "OP_NOP7"
        case .nop8: "OP_NOP8"
        case .nop9: "OP_NOP9"
        case .nop10: "OP_NOP10"
        case .checkSigAdd: "OP_CHECKSIGADD"
        case .invalidOpcode: "OP_INVALIDOPCODE"
        }
    }
}
