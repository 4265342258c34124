/// A Lua script for Wireshark and tshark that reads Stratum V2 frames in plain text: `tshark -X lua_script:FILE`. It
/// finds the frames by itself on any port. Its table of names is made of ``MessageCatalog``.
public enum WiresharkDissector {
    public static var script: String {
        var names = ""
        for entry in MessageCatalog.entries {
            let key = UInt32(entry.extensionType) << 8 | UInt32(entry.messageType)
            names += "  [\(MessageCatalog.hexadecimal(key, digits: 6))] = \"\(entry.name)\",\n"
        }
        return head + "local names = {\n" + names + "}\n" + body
    }

    private static let head = """
        -- Stratum V2 frames in plain text, as lab tap exports them. Written by lab tap --dissector.
        local sv2 = Proto("sv2", "Stratum V2")
        local f_extension = ProtoField.uint16("sv2.extension_type", "extension_type", base.HEX, nil, 0x7fff)
        local f_bit = ProtoField.bool("sv2.channel_msg", "channel_msg", 16, nil, 0x8000)
        local f_type = ProtoField.uint8("sv2.msg_type", "msg_type", base.HEX)
        local f_length = ProtoField.uint24("sv2.msg_length", "msg_length", base.DEC)
        local f_name = ProtoField.string("sv2.message", "message")
        local f_channel = ProtoField.uint32("sv2.channel_id", "channel_id", base.DEC)
        local f_payload = ProtoField.bytes("sv2.payload", "payload")
        sv2.fields = { f_extension, f_bit, f_type, f_length, f_name, f_channel, f_payload }

        """

    private static let body = """
        local function key(buffer, offset)
          return bit32.band(buffer(offset, 2):le_uint(), 0x7fff) * 256 + buffer(offset + 2, 1):uint()
        end

        local function length(buffer, info, offset)
          return 6 + buffer(offset + 3, 3):le_uint()
        end

        local function frame(buffer, info, root)
          local name = names[key(buffer, 0)] or "unknown"
          local tree = root:add(sv2, buffer(), "Stratum V2 " .. name)
          tree:add_le(f_extension, buffer(0, 2))
          tree:add_le(f_bit, buffer(0, 2))
          tree:add(f_type, buffer(2, 1))
          tree:add_le(f_length, buffer(3, 3))
          tree:add(f_name, buffer(2, 1), name)
          if buffer:len() >= 10 and buffer(1, 1):uint() >= 128 then
            tree:add_le(f_channel, buffer(6, 4))
            name = name .. " #" .. buffer(6, 4):le_uint()
          end
          if buffer:len() > 6 then tree:add(f_payload, buffer(6)) end
          info.cols.protocol = "SV2"
          info.cols.info:append(" " .. name)
          return buffer:len()
        end

        function sv2.dissector(buffer, info, root)
          info.cols.info = ""
          dissect_tcp_pdus(buffer, root, 6, length, function(b, i, r) return frame(b, info, root) end)
          return buffer:len()
        end

        sv2:register_heuristic("tcp", function(buffer, info, root)
          if buffer:len() < 6 or not names[key(buffer, 0)] then return false end
          info.conversation = sv2
          sv2.dissector(buffer, info, root)
          return true
        end)

        """
}
