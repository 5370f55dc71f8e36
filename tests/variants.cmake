# Ways to run the server that tests are run in once more, beside the one it chooses by itself (io_uring, the fastest SRTP engine, trains of
# datagrams, a room on one media thread). The harnesses pass BELFRY_MEDIA_* on, and check that they are in force.
set(BELFRY_VARIANT_plain
  BELFRY_MEDIA_IO=epoll BELFRY_MEDIA_SRTP_ENGINE=openssl BELFRY_MEDIA_GSO=off BELFRY_MEDIA_WORKERS=1)
set(BELFRY_VARIANT_spread # each participant of a room on another media thread than the one before
  BELFRY_MEDIA_WORKERS=3 BELFRY_MEDIA_SPREAD=round-robin)
set(BELFRY_VARIANT_plain_spread
  BELFRY_MEDIA_IO=epoll BELFRY_MEDIA_SRTP_ENGINE=openssl BELFRY_MEDIA_GSO=off BELFRY_MEDIA_WORKERS=3
  BELFRY_MEDIA_SPREAD=round-robin)
