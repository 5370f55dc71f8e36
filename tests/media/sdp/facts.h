/* tests/media/sdp/facts.h - what each recorded description says, one line for the session and one a section.
 *
 * Thread: constants only.   Read off the files by hand and script, not by the parser that is tested.
 */
#ifndef BF_TESTS_MEDIA_SDP_FACTS_H
#define BF_TESTS_MEDIA_SDP_FACTS_H

/* clang-format off */
static const struct {
	const char *file;
	bool can_serve;     /* bf_sdp_check_webrtc */
	unsigned tag_idx;
	const char *facts;
} descriptions[] = {
	{"aiortc-gathered-offer.sdp", true, 0,
		"session\n"
		"audio 52419 UDP/TLS/RTP/SAVPF mid=0 bundled sendrecv actpass ice=Crhb/X7sWlPNcHR1DA4yx5tO4JL "
		"sha-256=A7:AB..0F mux msid=a19de116-5211-48be-80a7-ce7d676e9968/a62de6cd-7452-47fc-aba7-705de90f84dc "
		"fmts=96:opus: exts=mid:1,level:2 ssrcs=3583769658 cands=1\n"
		"video 59390 UDP/TLS/RTP/SAVPF mid=1 bundled sendrecv actpass ice=lqpt/IGFAJL3km4vBtFudVuvYF5 "
		"sha-256=A7:AB..0F mux msid=a19de116-5211-48be-80a7-ce7d676e9968/cd96e9de-03e4-482d-a65d-01a027ee51c9 "
		"fmts=97:VP8:npr,98:rtx:97,99:H264:npr,100:rtx:99,101:H264:npr,102:rtx:101 exts=mid:1,ast:2 "
		"ssrcs=2224905677+2094083432 cands=1\n"
		"application 39625 DTLS/SCTP mid=2 bundled sendrecv actpass ice=fgFM/6cIVtbrlbPjiTtfC40VnGm "
		"sha-256=A7:AB..0F cands=1 sctp=5000/65536\n"},
	{"aiortc-offer.sdp", true, 0,
		"session\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled sendrecv actpass ice=n4ht/BapTacmbHFXfw87ka6CA3L sha-256=34:30..BF "
		"mux msid=622f51ad-22a4-4fff-af65-6ce29c0ae656/b5943097-3594-46b6-9630-1e2dabf6b981 fmts=96:opus: "
		"exts=mid:1,level:2 ssrcs=4152057750 cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled sendrecv actpass ice=0wLg/aPu7tJvGwkexGBcemqtkUz sha-256=34:30..BF "
		"mux msid=622f51ad-22a4-4fff-af65-6ce29c0ae656/6e421920-9abc-41c3-9fa5-ba2bd816a84f "
		"fmts=97:VP8:npr,98:rtx:97,99:H264:npr,100:rtx:99,101:H264:npr,102:rtx:101 exts=mid:1,ast:2 "
		"ssrcs=1761688968+3023076736 cands=0\n"
		"application 9 DTLS/SCTP mid=2 bundled sendrecv actpass ice=En3j/c9MSk4ixBgJv3CoowpqMRU sha-256=34:30..BF "
		"cands=0 sctp=5000/65536\n"},
	{"chromium-156-all-extensions-offer.sdp", true, 0,
		"session mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled sendrecv actpass ice=Su4P/lSu2T7kXl/5vcK0rgkJ6ziJu "
		"sha-256=02:06..B4 mux rsize msid=ad9764f9-46e8-4ad6-b77c-0ecb737303fc/6276aa04-d292-4128-8b2e-d8485ae6e1bf "
		"fmts=111:opus:t exts=mid:4,ast:2,twcc:3,level:1 ssrcs=3289481955 cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled sendrecv actpass ice=Su4P/lSu2T7kXl/5vcK0rgkJ6ziJu "
		"sha-256=02:06..B4 mux rsize msid=ad9764f9-46e8-4ad6-b77c-0ecb737303fc/1e0c27ea-dc16-415d-baba-514395be8cf3 "
		"fmts=96:VP8:npfrt,97:rtx:96,102:H264:npfrt,103:rtx:102,104:H264:npfrt,107:rtx:104,108:H264:npfrt,"
		"109:rtx:108,114:H264:npfrt,115:rtx:114,116:H264:npfrt,117:rtx:116,39:H264:npfrt,40:rtx:39,45:AV1:npfrt,"
		"46:rtx:45,98:VP9:npfrt,99:rtx:98,100:VP9:npfrt,101:rtx:100 exts=mid:4,rid:10,rrid:11,ast:2,twcc:3,orient:13,"
		"delay:12,dd:17 ssrcs=2548621163+2466496979 cands=0\n"},
	{"chromium-156-answer-to-sfu-offer-publish-simulcast.sdp", true, 0,
		"session mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled sendonly active ice=XML5/QMhlxCJAVyXcpTkxNRRHnDYt sha-256=71:04..3C "
		"mux rsize msid=-/4eea6187-6ee9-4e78-8747-ff03b4339061 fmts=111:opus:t exts=mid:4,ast:2,twcc:3,level:1 "
		"ssrcs=484913889 cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled sendonly active ice=XML5/QMhlxCJAVyXcpTkxNRRHnDYt sha-256=71:04..3C "
		"mux rsize msid=-/a68f494c-ee19-47ae-8856-ed83d823f975 fmts=96:VP8:npfrt,97:rtx:96,98:H264:npfrt,99:rtx:98,"
		"100:VP9:npfrt,101:rtx:100 exts=mid:4,rid:10,rrid:11,ast:2,twcc:3,orient:5,delay:6,dd:7 ssrcs= send=q,h,f "
		"cands=0\n"},
	{"chromium-156-answer-to-sfu-offer-subscribe.sdp", true, 0,
		"session mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled recvonly active ice=q0cH/ct4B8UzWeXqKhwchrkN+Fc69 sha-256=5A:FA..A9 "
		"mux rsize fmts=111:opus:t exts=mid:4,ast:2,twcc:3,level:1 ssrcs= cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled recvonly active ice=q0cH/ct4B8UzWeXqKhwchrkN+Fc69 sha-256=5A:FA..A9 "
		"mux rsize fmts=96:VP8:npfrt,97:rtx:96,98:H264:npfrt,99:rtx:98,100:VP9:npfrt,101:rtx:100 "
		"exts=mid:4,ast:2,twcc:3,orient:5,delay:6,dd:7 ssrcs= cands=0\n"
		"application 9 UDP/DTLS/SCTP mid=2 bundled sendrecv active ice=q0cH/ct4B8UzWeXqKhwchrkN+Fc69 "
		"sha-256=5A:FA..A9 cands=0 sctp=5000/262144\n"},
	{"chromium-156-data-only-offer.sdp", true, 0,
		"session mixed\n"
		"application 9 UDP/DTLS/SCTP mid=0 bundled sendrecv actpass ice=FQ1R/Lw1qsjY1xlu1+uYyfV5t+jG8 "
		"sha-256=31:C5..08 cands=0 sctp=5000/262144\n"},
	{"chromium-156-fieldtrials-offer.sdp", true, 0,
		"session mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled sendrecv actpass ice=/eVa/XQAOhp+h75V5w8+jgQ9tJYTs "
		"sha-256=27:91..CE mux rsize msid=7f393690-6922-4420-931d-ee470aa33a9d/173efc65-cd93-46f2-a9d8-a4a92677d0c6 "
		"fmts=111:opus:t exts=mid:4,ast:2,twcc:3,level:1 ssrcs=1573082342 cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled sendrecv actpass ice=/eVa/XQAOhp+h75V5w8+jgQ9tJYTs "
		"sha-256=27:91..CE mux rsize msid=7f393690-6922-4420-931d-ee470aa33a9d/baa668d0-9374-409b-bb67-49037b80e093 "
		"fmts=96:VP8:npfrt,97:rtx:96,102:H264:npfrt,103:rtx:102,104:H264:npfrt,107:rtx:104,108:H264:npfrt,"
		"109:rtx:108,114:H264:npfrt,115:rtx:114,116:H264:npfrt,117:rtx:116,39:H264:npfrt,40:rtx:39,45:AV1:npfrt,"
		"46:rtx:45,98:VP9:npfrt,99:rtx:98,100:VP9:npfrt,101:rtx:100 exts=mid:4,rid:10,rrid:11,ast:2,twcc:3,orient:13,"
		"delay:5 ssrcs=3544635259+2496096202 cands=0\n"
		"application 9 UDP/DTLS/SCTP mid=2 bundled sendrecv actpass ice=/eVa/XQAOhp+h75V5w8+jgQ9tJYTs "
		"sha-256=27:91..CE cands=0 sctp=5000/262144\n"},
	{"chromium-156-gathered-offer.sdp", true, 0,
		"session mixed\n"
		"audio 55475 UDP/TLS/RTP/SAVPF mid=0 bundled sendrecv actpass ice=6L2g/us86aMythXpAZIuEBMEu/JL3 "
		"sha-256=37:A1..75 mux rsize msid=2b9c137b-2bb3-4c06-b4f7-0a61cdc34a09/f80ca45a-f62a-4303-98fb-14507496d0ca "
		"fmts=111:opus:t exts=mid:4,ast:2,twcc:3,level:1 ssrcs=2619375346 cands=2\n"
		"video 39173 UDP/TLS/RTP/SAVPF mid=1 bundled sendrecv actpass ice=6L2g/us86aMythXpAZIuEBMEu/JL3 "
		"sha-256=37:A1..75 mux rsize msid=2b9c137b-2bb3-4c06-b4f7-0a61cdc34a09/f7146ced-f374-4f33-89d7-fd797c504ec9 "
		"fmts=96:VP8:npfrt,97:rtx:96,102:H264:npfrt,103:rtx:102,104:H264:npfrt,107:rtx:104,108:H264:npfrt,"
		"109:rtx:108,114:H264:npfrt,115:rtx:114,116:H264:npfrt,117:rtx:116,39:H264:npfrt,40:rtx:39,45:AV1:npfrt,"
		"46:rtx:45,98:VP9:npfrt,99:rtx:98,100:VP9:npfrt,101:rtx:100 exts=mid:4,rid:10,rrid:11,ast:2,twcc:3,orient:13,"
		"delay:5 ssrcs=546364484+977980841 cands=2\n"
		"application 41805 UDP/DTLS/SCTP mid=2 bundled sendrecv actpass ice=6L2g/us86aMythXpAZIuEBMEu/JL3 "
		"sha-256=37:A1..75 cands=2 sctp=5000/262144\n"},
	{"chromium-156-mdns-recvonly-offer.sdp", true, 0,
		"session mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled recvonly actpass ice=XHC1/kHpO+AZBGvY16NLPZihs1hmO "
		"sha-256=8D:AE..8A mux rsize fmts=111:opus:t exts=mid:4,ast:2,twcc:3,level:1 ssrcs= cands=1\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled recvonly actpass ice=XHC1/kHpO+AZBGvY16NLPZihs1hmO "
		"sha-256=8D:AE..8A mux rsize fmts=96:VP8:npfrt,97:rtx:96,98:VP9:npfrt,99:rtx:98,100:VP9:npfrt,101:rtx:100,"
		"35:VP9:npfrt,36:rtx:35,37:VP9:npfrt,38:rtx:37,102:H264:npfrt,103:rtx:102,104:H264:npfrt,107:rtx:104,"
		"108:H264:npfrt,109:rtx:108,114:H264:npfrt,115:rtx:114,116:H264:npfrt,117:rtx:116,39:H264:npfrt,40:rtx:39,"
		"41:H264:npfrt,42:rtx:41,43:H264:npfrt,44:rtx:43,45:AV1:npfrt,46:rtx:45,47:AV1:npfrt,48:rtx:47 "
		"exts=mid:4,rid:10,rrid:11,ast:2,twcc:3,orient:13,delay:5 ssrcs= cands=1\n"
		"application 9 UDP/DTLS/SCTP mid=2 bundled sendrecv actpass ice=XHC1/kHpO+AZBGvY16NLPZihs1hmO "
		"sha-256=8D:AE..8A cands=1 sctp=5000/262144\n"},
	{"chromium-156-offer.sdp", true, 0,
		"session mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled sendrecv actpass ice=F52B/wfmpBMxK7gZBBDCzexFkwtuc "
		"sha-256=8D:35..9F mux rsize msid=14c6c9d2-46f1-4cd6-a1a3-cf7212324953/29946c90-4984-4cd5-8e9b-c02d0861cc6f "
		"fmts=111:opus:t exts=mid:4,ast:2,twcc:3,level:1 ssrcs=3779071169 cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled sendrecv actpass ice=F52B/wfmpBMxK7gZBBDCzexFkwtuc "
		"sha-256=8D:35..9F mux rsize msid=14c6c9d2-46f1-4cd6-a1a3-cf7212324953/73f041c4-5b81-42b8-bd3d-836f86d7aa8e "
		"fmts=96:VP8:npfrt,97:rtx:96,102:H264:npfrt,103:rtx:102,104:H264:npfrt,107:rtx:104,108:H264:npfrt,"
		"109:rtx:108,114:H264:npfrt,115:rtx:114,116:H264:npfrt,117:rtx:116,39:H264:npfrt,40:rtx:39,45:AV1:npfrt,"
		"46:rtx:45,98:VP9:npfrt,99:rtx:98,100:VP9:npfrt,101:rtx:100 exts=mid:4,rid:10,rrid:11,ast:2,twcc:3,orient:13,"
		"delay:5 ssrcs=392063797+315073935 cands=0\n"
		"application 9 UDP/DTLS/SCTP mid=2 bundled sendrecv actpass ice=F52B/wfmpBMxK7gZBBDCzexFkwtuc "
		"sha-256=8D:35..9F cands=0 sctp=5000/262144\n"},
	{"chromium-156-recvonly-offer.sdp", true, 0,
		"session mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled recvonly actpass ice=LHgp/K47mP+ko50RCDL9yxlMDYBs1 "
		"sha-256=EC:60..2B mux rsize fmts=111:opus:t exts=mid:4,ast:2,twcc:3,level:1 ssrcs= cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled recvonly actpass ice=LHgp/K47mP+ko50RCDL9yxlMDYBs1 "
		"sha-256=EC:60..2B mux rsize fmts=96:VP8:npfrt,97:rtx:96,98:VP9:npfrt,99:rtx:98,100:VP9:npfrt,101:rtx:100,"
		"35:VP9:npfrt,36:rtx:35,37:VP9:npfrt,38:rtx:37,102:H264:npfrt,103:rtx:102,104:H264:npfrt,107:rtx:104,"
		"108:H264:npfrt,109:rtx:108,114:H264:npfrt,115:rtx:114,116:H264:npfrt,117:rtx:116,39:H264:npfrt,40:rtx:39,"
		"41:H264:npfrt,42:rtx:41,43:H264:npfrt,44:rtx:43,45:AV1:npfrt,46:rtx:45,47:AV1:npfrt,48:rtx:47 "
		"exts=mid:4,rid:10,rrid:11,ast:2,twcc:3,orient:13,delay:5 ssrcs= cands=0\n"},
	{"chromium-156-restart-offer.sdp", true, 1,
		"session mixed\n"
		"audio 0 UDP/TLS/RTP/SAVPF mid=0 inactive actpass ice=zNKy/faOAs08FcLpxi4kHJFLTbdCF sha-256=19:69..85 mux "
		"rsize fmts=111:opus:t exts=mid:4,ast:2,twcc:3,level:1 ssrcs= cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled sendonly actpass ice=/CWL/LiTYY/rM5aHWnMkfJQZFxHZd "
		"sha-256=19:69..85 mux rsize msid=c791f171-28fe-4996-981f-92e7ea4f11fe/068c81d9-124e-45af-a98b-eecc55fbb4f9 "
		"fmts=96:VP8:npfrt,97:rtx:96,102:H264:npfrt,103:rtx:102,104:H264:npfrt,107:rtx:104,108:H264:npfrt,"
		"109:rtx:108,114:H264:npfrt,115:rtx:114,116:H264:npfrt,117:rtx:116,39:H264:npfrt,40:rtx:39,45:AV1:npfrt,"
		"46:rtx:45,98:VP9:npfrt,99:rtx:98,100:VP9:npfrt,101:rtx:100 exts=mid:4,rid:10,rrid:11,ast:2,twcc:3,orient:13,"
		"delay:5 ssrcs=335219410+803998284 cands=0\n"
		"application 9 UDP/DTLS/SCTP mid=2 bundled sendrecv actpass ice=/CWL/LiTYY/rM5aHWnMkfJQZFxHZd "
		"sha-256=19:69..85 cands=0 sctp=5000/262144\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=3 bundled recvonly actpass ice=/CWL/LiTYY/rM5aHWnMkfJQZFxHZd "
		"sha-256=19:69..85 mux rsize fmts=96:VP8:npfrt,97:rtx:96,98:VP9:npfrt,99:rtx:98,100:VP9:npfrt,101:rtx:100,"
		"35:VP9:npfrt,36:rtx:35,37:VP9:npfrt,38:rtx:37,102:H264:npfrt,103:rtx:102,104:H264:npfrt,107:rtx:104,"
		"108:H264:npfrt,109:rtx:108,114:H264:npfrt,115:rtx:114,116:H264:npfrt,117:rtx:116,39:H264:npfrt,40:rtx:39,"
		"41:H264:npfrt,42:rtx:41,43:H264:npfrt,44:rtx:43,45:AV1:npfrt,46:rtx:45,47:AV1:npfrt,48:rtx:47 "
		"exts=mid:4,rid:10,rrid:11,ast:2,twcc:3,orient:13,delay:5 ssrcs= cands=0\n"},
	{"chromium-156-simulcast-gathered-offer.sdp", true, 0,
		"session mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled sendonly actpass ice=I6eg//fYDLcujokYx+Xhs86KgY57r "
		"sha-256=65:2C..2D mux rsize msid=-/615cd79f-2674-4439-b1b4-cd5581bb2062 fmts=111:opus:t "
		"exts=mid:4,ast:2,twcc:3,level:1 ssrcs=1248773573 cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled sendonly actpass ice=I6eg//fYDLcujokYx+Xhs86KgY57r "
		"sha-256=65:2C..2D mux rsize msid=-/037c0161-aa56-48fd-aae0-2477e3a7bdff "
		"fmts=96:VP8:npfrt,97:rtx:96,102:H264:npfrt,103:rtx:102,104:H264:npfrt,107:rtx:104,108:H264:npfrt,"
		"109:rtx:108,114:H264:npfrt,115:rtx:114,116:H264:npfrt,117:rtx:116,39:H264:npfrt,40:rtx:39,45:AV1:npfrt,"
		"46:rtx:45,98:VP9:npfrt,99:rtx:98,100:VP9:npfrt,101:rtx:100 exts=mid:4,rid:10,rrid:11,ast:2,twcc:3,orient:13,"
		"delay:5,dd:12 ssrcs= send=q,h,f cands=0\n"},
	{"chromium-156-simulcast-offer.sdp", true, 0,
		"session mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled sendonly actpass ice=nJ6C/DacsiUQqmkCiCfLk9cebsq1i "
		"sha-256=CE:15..4C mux rsize msid=34ecdd3e-4fdf-493e-b970-2097d0d5d76c/95589915-22bd-4a39-a5c3-7036bdca4559 "
		"fmts=111:opus:t exts=mid:4,ast:2,twcc:3,level:1 ssrcs=2921959804 cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled sendonly actpass ice=nJ6C/DacsiUQqmkCiCfLk9cebsq1i "
		"sha-256=CE:15..4C mux rsize msid=34ecdd3e-4fdf-493e-b970-2097d0d5d76c/20d2bc4a-8c22-4c7f-a546-24d66e20b4f8 "
		"fmts=96:VP8:npfrt,97:rtx:96,102:H264:npfrt,103:rtx:102,104:H264:npfrt,107:rtx:104,108:H264:npfrt,"
		"109:rtx:108,114:H264:npfrt,115:rtx:114,116:H264:npfrt,117:rtx:116,39:H264:npfrt,40:rtx:39,45:AV1:npfrt,"
		"46:rtx:45,98:VP9:npfrt,99:rtx:98,100:VP9:npfrt,101:rtx:100 exts=mid:4,rid:10,rrid:11,ast:2,twcc:3,orient:13,"
		"delay:5,dd:12 ssrcs= send=q,h,f cands=0\n"
		"application 9 UDP/DTLS/SCTP mid=2 bundled sendrecv actpass ice=nJ6C/DacsiUQqmkCiCfLk9cebsq1i "
		"sha-256=CE:15..4C cands=0 sctp=5000/262144\n"},
	{"firefox-153-answer-to-janus-1.1.2-subscribe-offer.sdp", true, 0,
		"session mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled recvonly active ice=d4ed2fe8/1509a7fe8424bbf4e60ce3b71a17a20e "
		"sha-256=4D:C2..0A mux fmts=111:opus:t exts=mid:4,level:1 ssrcs=97312488 cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled recvonly active ice=d4ed2fe8/1509a7fe8424bbf4e60ce3b71a17a20e "
		"sha-256=4D:C2..0A mux fmts=96:VP8:npfrt,97:rtx:96 exts=mid:4,ast:2,twcc:3,delay:12 ssrcs=3136844768 "
		"cands=0\n"},
	{"firefox-153-answer-to-sfu-offer-publish-simulcast.sdp", true, 0,
		"session mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled sendonly active ice=26f92f58/e624c004d763ccc84e0714bd1f89b21b "
		"sha-256=D9:D9..88 mux msid=-/{2b33c7a9-6dc9-4d14-a211-3c198813e008} fmts=111:opus:t "
		"exts=mid:4,twcc:3,level:1 ssrcs=2400399182 cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled sendonly active ice=26f92f58/e624c004d763ccc84e0714bd1f89b21b "
		"sha-256=D9:D9..88 mux rsize msid=-/{3d021707-2158-4661-b785-fa5e9168f46f} "
		"fmts=96:VP8:npfrt,97:rtx:96,100:VP9:npfrt,101:rtx:100 exts=mid:4,rid:10,rrid:11,ast:2,twcc:3,delay:6,dd:7 "
		"ssrcs=129880869+2363792330,201173326+845140232,1745322131+3605617667 send=q,h,f cands=0\n"},
	{"firefox-153-answer-to-sfu-offer-subscribe.sdp", true, 0,
		"session mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled recvonly active ice=16aa64bb/fe0f31e7807bcbf982e872dfad1002e8 "
		"sha-256=65:FF..24 mux fmts=111:opus:t exts=mid:4,twcc:3,level:1 ssrcs=221400551 cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled recvonly active ice=16aa64bb/fe0f31e7807bcbf982e872dfad1002e8 "
		"sha-256=65:FF..24 mux rsize fmts=96:VP8:npfrt,97:rtx:96,100:VP9:npfrt,101:rtx:100 "
		"exts=mid:4,ast:2,twcc:3,delay:6 ssrcs=475511670 cands=0\n"
		"application 9 UDP/DTLS/SCTP mid=2 bundled sendrecv active ice=16aa64bb/fe0f31e7807bcbf982e872dfad1002e8 "
		"sha-256=65:FF..24 cands=0 sctp=5000/1073741823\n"},
	{"firefox-153-data-only-offer.sdp", true, 0,
		"session\n"
		"application 9 UDP/DTLS/SCTP mid=0 bundled sendrecv actpass ice=a5d6e9fc/d5312f9610860881730535dae3e0797f "
		"sha-256=88:6C..14 cands=0 sctp=5000/1073741823\n"},
	{"firefox-153-gathered-offer.sdp", true, 0,
		"session mixed\n"
		"audio 42015 UDP/TLS/RTP/SAVPF mid=0 bundled sendrecv actpass ice=fef24822/8ab5110d3d7df1806b012fe87ac3391a "
		"sha-256=B5:CE..61 mux msid={04cf71be-eae4-470a-b0a9-a7deb8ecd986}/{b2e58f7b-0c6b-40b7-9369-2d3ad2d794e3} "
		"fmts=109:opus:t exts=mid:3,twcc:7,level:1 ssrcs=3472892192 cands=8\n"
		"video 49837 UDP/TLS/RTP/SAVPF mid=1 bundled sendrecv actpass ice=fef24822/8ab5110d3d7df1806b012fe87ac3391a "
		"sha-256=B5:CE..61 mux rsize msid={04cf71be-eae4-470a-b0a9-a7deb8ecd986}/{134e70f4-08e8-486e-b20c-2b3163f19b4"
		"9} fmts=120:VP8:npfrt,124:rtx:120,121:VP9:npfrt,125:rtx:121,99:AV1:npfrt,100:rtx:99 "
		"exts=mid:3,ast:4,twcc:7,delay:6 ssrcs=674050199+1910159707 cands=8\n"
		"application 48812 UDP/DTLS/SCTP mid=2 bundled sendrecv actpass "
		"ice=fef24822/8ab5110d3d7df1806b012fe87ac3391a sha-256=B5:CE..61 cands=4 sctp=5000/1073741823\n"},
	{"firefox-153-mdns-recvonly-offer.sdp", true, 0,
		"session mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled recvonly actpass ice=404feb2f/d54985b9c6a9dcb5c30b171d90c085cb "
		"sha-256=B1:8C..9E mux fmts=109:opus:t exts=mid:3,twcc:7,level:1 ssrcs=3941724205 cands=4\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled recvonly actpass ice=404feb2f/d54985b9c6a9dcb5c30b171d90c085cb "
		"sha-256=B1:8C..9E mux rsize fmts=120:VP8:npfrt,124:rtx:120,121:VP9:npfrt,125:rtx:121,99:AV1:npfrt,"
		"100:rtx:99 exts=mid:3,ast:4,twcc:7,delay:6 ssrcs=1458807062 cands=4\n"
		"application 9 UDP/DTLS/SCTP mid=2 bundled sendrecv actpass ice=404feb2f/d54985b9c6a9dcb5c30b171d90c085cb "
		"sha-256=B1:8C..9E cands=2 sctp=5000/1073741823\n"},
	{"firefox-153-offer.sdp", true, 0,
		"session mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled sendrecv actpass ice=1aaf6f06/cf994720e96aedbfd58729d4d1c353fc "
		"sha-256=47:B5..8C mux msid={129b72da-27cc-48d7-b6f4-f37571af850a}/{b18863cb-d27f-4c88-94ce-8c46afb8ca2a} "
		"fmts=109:opus:t exts=mid:3,twcc:7,level:1 ssrcs=1843773258 cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled sendrecv actpass ice=1aaf6f06/cf994720e96aedbfd58729d4d1c353fc "
		"sha-256=47:B5..8C mux rsize msid={129b72da-27cc-48d7-b6f4-f37571af850a}/{7132bbf3-043f-4454-a235-1b26de4af3c"
		"4} fmts=120:VP8:npfrt,124:rtx:120,121:VP9:npfrt,125:rtx:121,99:AV1:npfrt,100:rtx:99 "
		"exts=mid:3,ast:4,twcc:7,delay:6 ssrcs=2793522972+1552721999 cands=0\n"
		"application 9 UDP/DTLS/SCTP mid=2 bundled sendrecv actpass ice=1aaf6f06/cf994720e96aedbfd58729d4d1c353fc "
		"sha-256=47:B5..8C cands=0 sctp=5000/1073741823\n"},
	{"firefox-153-recvonly-offer.sdp", true, 0,
		"session mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled recvonly actpass ice=b93c6bae/615b89544f624c3b64d3a5895132cb79 "
		"sha-256=FA:11..88 mux fmts=109:opus:t exts=mid:3,twcc:7,level:1 ssrcs=140734509 cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled recvonly actpass ice=b93c6bae/615b89544f624c3b64d3a5895132cb79 "
		"sha-256=FA:11..88 mux rsize fmts=120:VP8:npfrt,124:rtx:120,121:VP9:npfrt,125:rtx:121,99:AV1:npfrt,"
		"100:rtx:99 exts=mid:3,ast:4,twcc:7,delay:6 ssrcs=3533862083 cands=0\n"},
	{"firefox-153-restart-offer.sdp", true, 1,
		"session mixed\n"
		"audio 0 UDP/TLS/RTP/SAVPF mid=0 inactive none ice=/ sha-256=8C:38..EF fmts= exts= ssrcs= cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled sendonly actpass ice=d1becb12/7cb4e2284b50209ac3fca27804587a9c "
		"sha-256=8C:38..EF mux rsize msid={d34e3914-07d0-4afb-91db-549ea8292227}/{bfb37a04-7cfa-45c7-82b6-d54188b0fd0"
		"4} fmts=120:VP8:npfrt,124:rtx:120,121:VP9:npfrt,125:rtx:121,99:AV1:npfrt,100:rtx:99 "
		"exts=mid:3,ast:4,twcc:7,delay:6 ssrcs=3415933671+3685222181 cands=0\n"
		"application 0 UDP/DTLS/SCTP mid=2 bundled only sendrecv actpass "
		"ice=d1becb12/7cb4e2284b50209ac3fca27804587a9c sha-256=8C:38..EF cands=0 sctp=5000/1073741823\n"
		"video 0 UDP/TLS/RTP/SAVPF mid=3 bundled only recvonly actpass ice=d1becb12/7cb4e2284b50209ac3fca27804587a9c "
		"sha-256=8C:38..EF mux rsize fmts=120:VP8:npfrt,124:rtx:120,121:VP9:npfrt,125:rtx:121,99:AV1:npfrt,"
		"100:rtx:99 exts=mid:3,ast:4,twcc:7,delay:6 ssrcs=576640922 cands=0\n"},
	{"firefox-153-simulcast-offer.sdp", true, 0,
		"session mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled sendonly actpass ice=d8c3bb4f/c0762182abd6c0de08287791c8b6bdc4 "
		"sha-256=F4:5B..87 mux msid={da7b0376-c6dc-42ba-984e-53e6541f3bd2}/{88666441-e1fc-470f-a6b5-9d6933f24a58} "
		"fmts=109:opus:t exts=mid:3,twcc:7,level:1 ssrcs=2841985433 cands=0\n"
		"video 0 UDP/TLS/RTP/SAVPF mid=1 bundled only sendonly actpass ice=d8c3bb4f/c0762182abd6c0de08287791c8b6bdc4 "
		"sha-256=F4:5B..87 mux rsize msid={da7b0376-c6dc-42ba-984e-53e6541f3bd2}/{95163159-04f3-495c-bc23-5dd12b9b203"
		"2} fmts=120:VP8:npfrt,124:rtx:120,121:VP9:npfrt,125:rtx:121,99:AV1:npfrt,100:rtx:99 "
		"exts=mid:3,rid:9,rrid:10,ast:4,twcc:7,delay:6,dd:8 ssrcs=2445162325+4272994166,359091262+3824216996,"
		"3771753653+2461940595 send=q,h,f cands=0\n"
		"application 0 UDP/DTLS/SCTP mid=2 bundled only sendrecv actpass "
		"ice=d8c3bb4f/c0762182abd6c0de08287791c8b6bdc4 sha-256=F4:5B..87 cands=0 sctp=5000/1073741823\n"},
	{"gstreamer-gathered-offer.sdp", true, 0,
		"session\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=audio0 bundled sendrecv actpass "
		"ice=OgtiybzREaatI5Iqfg9t36FDuPJT+etm/jxU8iDWK33PQHGW9I92PZWRET1rw4ukm sha-256=90:62..D8 mux rsize "
		"msid=user740145333@host-a8e338f1/webrtctransceiver2 fmts=97:opus:t exts= ssrcs=2203664206 cands=9\n"
		"video 0 UDP/TLS/RTP/SAVPF mid=video1 bundled only sendrecv actpass "
		"ice=OgtiybzREaatI5Iqfg9t36FDuPJT+etm/jxU8iDWK33PQHGW9I92PZWRET1rw4ukm sha-256=90:62..D8 mux rsize "
		"msid=user740145333@host-a8e338f1/webrtctransceiver3 fmts=96:VP8:npft exts= ssrcs=3034598926 cands=0\n"
		"application 0 UDP/DTLS/SCTP mid=application2 bundled only sendrecv actpass "
		"ice=OgtiybzREaatI5Iqfg9t36FDuPJT+etm/jxU8iDWK33PQHGW9I92PZWRET1rw4ukm sha-256=90:62..D8 cands=0 "
		"sctp=5000/0\n"},
	{"gstreamer-h264-offer.sdp", true, 0,
		"session\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=audio0 bundled sendrecv actpass "
		"ice=ffuxKzRKuUIYsyb9jaF11hZIb3ymFfiM/dinQwWkDw6D8cO+NgCZwLfILRDyek1O+ sha-256=90:62..D8 mux rsize "
		"msid=user1200956117@host-6f101e9f/webrtctransceiver4 fmts=97:opus:t exts= ssrcs=2575147405 cands=0\n"
		"video 0 UDP/TLS/RTP/SAVPF mid=video1 bundled only sendrecv actpass "
		"ice=ffuxKzRKuUIYsyb9jaF11hZIb3ymFfiM/dinQwWkDw6D8cO+NgCZwLfILRDyek1O+ sha-256=90:62..D8 mux rsize "
		"msid=user1200956117@host-6f101e9f/webrtctransceiver5 fmts=102:H264:pft exts= ssrcs=1211886986 cands=0\n"},
	{"gstreamer-nobundle-offer.sdp", false, 0,
		"session\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=audio0 sendrecv actpass ice=fTr5Ep3cSwkQ1rNxWr1hBxjQZbZKFkOY/7YXlwbLtCEfwJNYHd"
		"EnG08cdGqkS4mT0 sha-256=90:62..D8 mux rsize msid=user2990301305@host-e296b1a9/webrtctransceiver6 "
		"fmts=97:opus:t exts= ssrcs=230931213 cands=0\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=video1 sendrecv actpass ice=P7iD3+dZoGSV37uzgCv0XSvuFQfMR2EM/viSY2peoed8+yX0vr"
		"r6EpMbOD7lEYDMQ sha-256=90:62..D8 mux rsize msid=user2990301305@host-e296b1a9/webrtctransceiver7 "
		"fmts=96:VP8:npft exts= ssrcs=2944696798 cands=0\n"
		"application 9 UDP/DTLS/SCTP mid=application2 only sendrecv actpass "
		"ice=fp5EHTXxCIZrKVAOlL2Is2rxFe1wDEDB/dTaEBBU5JMbxVyB+kq9SvpZerh4HY4VQ sha-256=90:62..D8 cands=0 "
		"sctp=5000/0\n"},
	{"gstreamer-offer.sdp", true, 0,
		"session\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=audio0 bundled sendrecv actpass "
		"ice=LDdjlluCrpbuG0B7xTtmyUYk3iXhmMag/5EuxltB2CJd99cNM1xxt9ggBMo5Yw3U8 sha-256=90:62..D8 mux rsize "
		"msid=user412850207@host-2834e3df/webrtctransceiver0 fmts=97:opus:t exts= ssrcs=289988108 cands=0\n"
		"video 0 UDP/TLS/RTP/SAVPF mid=video1 bundled only sendrecv actpass "
		"ice=LDdjlluCrpbuG0B7xTtmyUYk3iXhmMag/5EuxltB2CJd99cNM1xxt9ggBMo5Yw3U8 sha-256=90:62..D8 mux rsize "
		"msid=user412850207@host-2834e3df/webrtctransceiver1 fmts=96:VP8:npft exts= ssrcs=1741584449 cands=0\n"
		"application 0 UDP/DTLS/SCTP mid=application2 bundled only sendrecv actpass "
		"ice=LDdjlluCrpbuG0B7xTtmyUYk3iXhmMag/5EuxltB2CJd99cNM1xxt9ggBMo5Yw3U8 sha-256=90:62..D8 cands=0 "
		"sctp=5000/0\n"},
	{"janus-1.1.2-answer-to-chromium-156-simulcast.sdp", true, 0,
		"session lite mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled recvonly active ice=o9Ol/jYCHlLRs9drJ1+tvGcbz4w sha-256=AA:86..B3 "
		"mux msid=janus/janus0 fmts=111:opus: exts=mid:4,level:1 ssrcs=280270057 cands=1\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled recvonly active ice=o9Ol/jYCHlLRs9drJ1+tvGcbz4w sha-256=AA:86..B3 "
		"mux msid=janus/janus1 fmts=96:VP8:npfrt,97:rtx:96 exts=mid:4,rid:10,rrid:11,twcc:3,orient:13,delay:5 "
		"ssrcs=2305520643 recv=q,h,f cands=1\n"},
	{"janus-1.1.2-subscribe-offer.sdp", true, 0,
		"session lite mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled sendonly actpass ice=SgaN/HDJ3v4jBuj/zPk2lzaMPkI sha-256=AA:86..B3 "
		"mux msid=janus/janus0 fmts=111:opus:t exts=mid:4,level:1 ssrcs=2183184904 cands=1\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled sendonly actpass ice=SgaN/HDJ3v4jBuj/zPk2lzaMPkI sha-256=AA:86..B3 "
		"mux msid=janus/janus1 fmts=96:VP8:npfrt,97:rtx:96 exts=mid:4,ast:2,twcc:3,orient:13,delay:12 "
		"ssrcs=3235372093+2604405191 cands=1\n"},
	{"sfu-offer-publish-simulcast.sdp", true, 0,
		"session lite mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled recvonly actpass ice=sfuU/sfuPasswordSfuPasswordSf "
		"sha-256=1A:2B..09 mux rsize fmts=111:opus:t exts=mid:4,ast:2,twcc:3,level:1 ssrcs= cands=1\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled recvonly actpass ice=sfuU/sfuPasswordSfuPasswordSf "
		"sha-256=1A:2B..09 mux rsize fmts=96:VP8:npfrt,97:rtx:96,98:H264:npfrt,99:rtx:98,100:VP9:npfrt,101:rtx:100 "
		"exts=mid:4,rid:10,rrid:11,ast:2,twcc:3,orient:5,delay:6,dd:7 ssrcs= recv=q,h,f cands=1\n"},
	{"sfu-offer-subscribe.sdp", true, 0,
		"session lite mixed\n"
		"audio 9 UDP/TLS/RTP/SAVPF mid=0 bundled sendonly actpass ice=sfuU/sfuPasswordSfuPasswordSf "
		"sha-256=1A:2B..09 mux rsize msid=alice/alice-audio fmts=111:opus:t exts=mid:4,ast:2,twcc:3,level:1 "
		"ssrcs=1001 cands=1\n"
		"video 9 UDP/TLS/RTP/SAVPF mid=1 bundled sendonly actpass ice=sfuU/sfuPasswordSfuPasswordSf "
		"sha-256=1A:2B..09 mux rsize msid=alice/alice-video fmts=96:VP8:npfrt,97:rtx:96,98:H264:npfrt,99:rtx:98,"
		"100:VP9:npfrt,101:rtx:100 exts=mid:4,ast:2,twcc:3,orient:5,delay:6,dd:7 ssrcs=2001+2002 cands=1\n"
		"application 9 UDP/DTLS/SCTP mid=2 bundled sendrecv actpass ice=sfuU/sfuPasswordSfuPasswordSf "
		"sha-256=1A:2B..09 cands=1 sctp=5000/262144\n"},
};
/* clang-format on */

#endif
