// A rig's observations, phases and settings are its firmware's own. Who may import the rig (experiments, commands) sees
// them through it; the rooms of firmware and chips stay out of their reach by name.
@_exported import Firmware
