/**
 * Browser SDK of belfry: {@link connect}, then {@link Client.join}, then everything else on {@link Room}.
 */
export { connect, Client } from './client.js';
export type { ClientEvents, ConnectOptions } from './client.js';
export { Room } from './room.js';
export type { JoinOptions, PublishOptions, RoomEvents, RoomState, SendOptions } from './room.js';
export { LocalTrack, Participant, RemoteTrack } from './tracks.js';
export type { ParticipantLeft } from './tracks.js';
export { BelfryError, isBelfryError } from './errors.js';
export type { ErrorCode } from './errors.js';
export { Emitter } from './emitter.js';
export { scoreOf } from './quality.js';
export type { LocalQuality, RoomQuality, ScoreInput, SentLayer, TrackQuality } from './quality.js';
export { chooseEncodings } from './simulcast.js';
export type { PictureSize, VideoCodec } from './simulcast.js';
export type { ChannelOptions, DataMessage } from './channels.js';
export type { DataHeader } from './datamessage.js';
export type { BackoffOptions } from './backoff.js';
export type { ConnectionState } from './session.js';
export type {
  Grants,
  Hello,
  IceServerInfo,
  Layer,
  LeaveReason,
  ParticipantInfo,
  PcName,
  Source,
  TrackInfo,
} from './protocol.js';
