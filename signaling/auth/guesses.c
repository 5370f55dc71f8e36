#include "signaling/auth/guesses.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TEXT_MAX  256 /* bytes that are looked at; what is longer is no guess */
#define UNIT_MAX  12  /* a password that is one piece again and again */
#define OWN_MIN	  3   /* shorter names are in many words */
#define REST_MIN  8   /* letters beside one's own name that make it a password */
#define STEPS_MIN 3   /* a run */

/* Words that people take, in the order of the alphabet. */
static const char *const words[] = {
	"abc",
	"abcd",
	"access",
	"admin",
	"administrator",
	"allow",
	"amanda",
	"america",
	"and",
	"andrew",
	"android",
	"angel",
	"anything",
	"apple",
	"april",
	"arsenal",
	"asdf",
	"ashley",
	"august",
	"autumn",
	"azerty",
	"baby",
	"barcelona",
	"baseball",
	"basketball",
	"batman",
	"beautiful",
	"belfry",
	"berlin",
	"black",
	"blue",
	"brother",
	"business",
	"buster",
	"butterfly",
	"california",
	"call",
	"calls",
	"canada",
	"change",
	"changeme",
	"charlie",
	"chat",
	"cheese",
	"chelsea",
	"chocolate",
	"company",
	"computer",
	"conference",
	"cookie",
	"cool",
	"corvette",
	"cowboys",
	"daniel",
	"december",
	"default",
	"demo",
	"diamond",
	"dollar",
	"dollars",
	"dragon",
	"eight",
	"england",
	"enter",
	"everything",
	"facebook",
	"family",
	"father",
	"february",
	"ferrari",
	"five",
	"flower",
	"football",
	"forever",
	"four",
	"france",
	"freedom",
	"friday",
	"friend",
	"friends",
	"george",
	"germany",
	"ginger",
	"golden",
	"golf",
	"google",
	"green",
	"guest",
	"hacker",
	"hallo",
	"hannah",
	"happy",
	"harley",
	"heart",
	"hello",
	"hockey",
	"home",
	"honey",
	"house",
	"hundred",
	"hunter",
	"ilove",
	"iloveyou",
	"internet",
	"iphone",
	"january",
	"jennifer",
	"jessica",
	"jordan",
	"joshua",
	"july",
	"june",
	"killer",
	"letmein",
	"linux",
	"liverpool",
	"login",
	"logon",
	"london",
	"love",
	"lovely",
	"loveyou",
	"lucky",
	"magic",
	"march",
	"master",
	"matthew",
	"may",
	"me",
	"meeting",
	"mega",
	"mexico",
	"michael",
	"microsoft",
	"million",
	"monday",
	"money",
	"monkey",
	"moon",
	"mother",
	"mustang",
	"my",
	"nicole",
	"nine",
	"nothing",
	"november",
	"ocean",
	"october",
	"office",
	"one",
	"open",
	"orange",
	"paris",
	"pass",
	"passwd",
	"password",
	"passwort",
	"pepper",
	"please",
	"pokemon",
	"porsche",
	"power",
	"pretty",
	"princess",
	"purple",
	"pwd",
	"qwerty",
	"qwertz",
	"rainbow",
	"ranger",
	"red",
	"robert",
	"room",
	"root",
	"samsung",
	"saturday",
	"secret",
	"secure",
	"security",
	"september",
	"server",
	"service",
	"sesame",
	"seven",
	"shadow",
	"silver",
	"sister",
	"six",
	"sky",
	"smile",
	"soccer",
	"something",
	"spiderman",
	"spring",
	"star",
	"stars",
	"starwars",
	"summer",
	"sunday",
	"sunshine",
	"super",
	"superman",
	"sweet",
	"system",
	"ten",
	"tennis",
	"test",
	"tester",
	"testing",
	"texas",
	"the",
	"thomas",
	"thousand",
	"three",
	"thunder",
	"thursday",
	"to",
	"tigger",
	"trustno",
	"tuesday",
	"two",
	"ultra",
	"user",
	"video",
	"voice",
	"wednesday",
	"welcome",
	"whatever",
	"white",
	"willkommen",
	"windows",
	"winter",
	"word",
	"work",
	"yankees",
	"yellow",
	"you",
	"zero",
	"zxcv",
};

#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

static const char *const rows[] = {"qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm",
	"yxcvbnm", "1234567890", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
	"abcdefghijklmnopqrstuvwxyz"};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* ---- what is left when it is written plainly ---- */

static char plain_of(char letter)
{
	static const char signs[] = "0134578@$!|+", letters[] = "oleastbasilt";
	const char *at;

	if (letter >= 'A' && letter <= 'Z')
		return (char)(letter - 'A' + 'a');
	at = letter ? strchr(signs, letter) : NULL;
	return at ? letters[at - signs] : letter;
}

static bool is_letter(char letter)
{
	return letter >= 'a' && letter <= 'z';
}

/* Small letters only: signs that stand for letters are those, all else goes. Digits and signs at the end are no letters there. */
static size_t write_plain(char out[TEXT_MAX + 1], const char *password)
{
	size_t len = strlen(password), count = 0;

	while (len > 0 && strchr("0123456789!@#$%^&*().,-_+=?/ ", password[len - 1]))
		len--;
	for (size_t i = 0; i < len; i++) {
		char letter = plain_of(password[i]);

		if (is_letter(letter))
			out[count++] = letter;
		else if ((unsigned char)letter >= 0x80)
			out[count++] = '?'; /* no word of ours */
	}
	out[count] = '\0';
	return count;
}

/* ---- words ---- */

/* Whether all of it is words of the list, one after the other. */
static bool is_words(const char *plain, size_t len)
{
	bool reached[TEXT_MAX + 1] = {true};

	if (len == 0)
		return true; /* digits and signs alone */
	for (size_t i = 0; i < len; i++) {
		for (size_t j = 0; reached[i] && j < WORD_COUNT; j++) {
			size_t word_len = strlen(words[j]);

			if (i + word_len <= len && memcmp(plain + i, words[j], word_len) == 0)
				reached[i + word_len] = true;
		}
	}
	return reached[len];
}

/* ---- patterns ---- */

static bool is_repeated(const char *text, size_t len)
{
	for (size_t unit = 1; unit <= UNIT_MAX && 2 * unit <= len; unit++) {
		bool is_same = true;

		for (size_t i = unit; i < len && is_same; i++)
			is_same = text[i] == text[i - unit];
		if (is_same)
			return true;
	}
	return false;
}

/* How many letters from `text` on follow one another in a row, in either direction; the row may begin anew at its end. */
static size_t run_in(const char *row, const char *text)
{
	const char *begin = text[0] ? strchr(row, text[0]) : NULL;
	size_t row_len = strlen(row), best = 1;

	for (int step = -1; begin && step <= 1; step += 2) {
		size_t at = (size_t)(begin - row), len = 1;

		while (text[len]) {
			at = (at + row_len + (size_t)step) % row_len;
			if (text[len] != row[at])
				break;
			len++;
		}
		best = len > best ? len : best;
	}
	return best;
}

static bool is_runs(const char *text, size_t len)
{
	size_t at = 0;

	if (len < STEPS_MIN)
		return false;
	while (at < len) {
		size_t best = 1;

		for (size_t i = 0; i < ROW_COUNT; i++) {
			size_t run = run_in(rows[i], text + at);

			best = run > best ? run : best;
		}
		if (best < STEPS_MIN && at + best < len) /* one or two at the end are no matter */
			return false;
		at += best;
	}
	return true;
}

/* ---- one's own names ---- */

/* A 1 may stand for either. */
static void fold_i(char *text)
{
	for (; *text; text++)
		*text = *text == 'i' ? 'l' : *text;
}

static bool is_own_name(const char *password, const char *name)
{
	char own[TEXT_MAX + 1], plain[TEXT_MAX + 1];
	size_t own_len = strcspn(name, "@"), len; /* of an address what is before it */

	if (own_len > TEXT_MAX)
		return false;
	memcpy(plain, name, own_len);
	plain[own_len] = '\0';
	own_len = write_plain(own, plain);
	len = write_plain(plain, password);
	fold_i(own);
	fold_i(plain);
	return own_len >= OWN_MIN && strstr(plain, own) && len - own_len < REST_MIN;
}

const char *bf_guessed_why(const char *password, const char *const *own)
{
	char small[TEXT_MAX + 1], plain[TEXT_MAX + 1];
	size_t len = strlen(password), plain_len;

	if (len == 0 || len > TEXT_MAX)
		return NULL;
	for (size_t i = 0; i <= len; i++)
		small[i] = (char)(password[i] >= 'A' && password[i] <= 'Z' ? password[i] | 0x20
									   : password[i]);
	plain_len = write_plain(plain, password);
	if (is_repeated(small, len))
		return "is the same piece again and again";
	if (is_runs(small, len))
		return "is a run of the keyboard or the alphabet";
	if (is_words(plain, plain_len))
		return "is made of words that are guessed first";
	for (; own && *own; own++)
		if (is_own_name(password, *own))
			return "is little more than a name of its own user";
	return NULL;
}
