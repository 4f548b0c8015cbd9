"""The most frequent function words of languages that put spaces between words, and Gopher's for English."""

from __future__ import annotations

GOPHER = ("the", "be", "to", "of", "and", "that", "have", "with")
"""Rae et al. 2021, appendix A; small letters only, as they are compared."""

STOP_WORDS = {
    "ar": "في من على إلى عن أن التي الذي هذا هذه كان كانت ما لا مع كل بعد قبل بين ذلك لم قد هو هي أو ثم حتى كما إن",
    "bg": "и на се за да от не са със това като по ще или но до при след той бе който също още във което ли как",
    "ca": "de la el i a les que en els per amb un una del és no es al dels més com però seva són aquest ha va",
    "cs": "a se v na je že to s z do o i ve jsem jako za by ale po pro si tak jsou nebo který podle být také jeho",
    "da": "og i at det er en til på af for der den med de ikke som et har var fra han jeg kan men sig om blev eller",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er"
    "dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber",
    "el": "και το του της η την ο που για με να τα από στο είναι δεν σε των τον στην οι ότι θα ένα μια έχει στη αυτό",
    "en": "the of and to in a is that for it as was with be by on not he his but at are this have from or had an they "
    "which one you were her she all their there been has would when who will more if out so we what can my your its",
    "es": "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si sin "
    "sobre este ya entre cuando todo esta ser son dos también fue había era muy años",
    "et": "ja on ei et kui see ka oli mis ta oma ning aga nii või mida kes siis juba välja selle üle pole veel olid",
    "eu": "eta da ez du bat dira zen ere baina izan edo hau dute beste den bere egin zuen hori ditu baino oso zuten",
    "fa": "و در به از که این را با است برای آن یک خود تا بر می شد هم ها شده اما باید نیز ما بود پس دو یا",
    "fi": "ja on ei että se oli hän mutta ovat kuin myös joka ole sen jos tai niin mukaan ovat sitä kun jo vain olla "
    "jotka mitä nyt sekä kanssa hänen",
    "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont la avec mais "
    "comme ou son cette été nous ces vous aux leur même deux elle était ont tout fait",
    "he": "של את על לא הוא זה כי עם היא גם או אל כל אני אם יש אבל הם מה היה יותר בין רק אין כמו אך לפני",
    "hi": "के में की है और से का को पर यह कि हैं ने एक लिए भी था नहीं इस कर तो गया हो ही या जो अपने करने थे",
    "hr": "i u je na se da za su od s a o koji kao iz ne što bi ili sam ali to više biti samo nakon do koja kako već",
    "hu": "a az és hogy nem is egy ez meg volt csak mint de ki már vagy lesz még el kell ha azt szerint sem van nagy",
    "id": "yang dan di dengan untuk dari ini dalam pada tidak adalah itu ke akan juga oleh tersebut bisa ada atau "
    "mereka telah karena sudah saya seperti lebih",
    "it": "di e il la che in a per un è del non una della con le i si da al dei come sono alla gli nel più anche "
    "delle ha ma lo dalla questo su o suo se stato essere o ci",
    "lt": "ir kad į iš yra su tai ne kaip bet jo jis buvo nuo apie tik dar už po ar kurie savo taip jau bei arba",
    "lv": "un ir ka no ar par uz kas tas bet vai gan pie kā arī to nav tika lai bija šo viņš pēc tikai ja līdz",
    "nl": "de van het een en in is dat op te zijn met voor die niet aan er om ook als bij maar dan door naar uit nog "
    "hij worden over wordt ze tot heeft was of werd",
    "no": "og i det er på til en som for av at med de har ikke den et han om var fra å jeg men seg vi sier kan skal "
    "så etter ble eller ved også",
    "pl": "w i na z się do nie że to jest o jak za od po przez ale przy dla są tak tym być który już czy co jego był",
    "pt": "de a o que e do da em um para com não uma os no se na por mais as dos como mas ao foi ele das à seu sua ou "
    "quando muito nos já também só pelo até isso",
    "ro": "de și în a la cu nu pe că din se o care este mai un pentru sa fost sunt ca prin după dar au fi sau lui ce",
    "ru": "и в не на что я с он а как это по но из у за от то же для его бы так к все был она мы или еще ее при до",
    "sk": "a v na sa je že s z do o aj ako to za si ale pre po by od tak sú alebo už ktorý bol nie podľa jeho len",
    "sl": "in je v na se za da so z ki pa s bi ne po tudi kot od še pri o ali ni bil kar do bo že iz te",
    "sr": "и у је да се на за су од са а о који као из не што би или али то више само након до која како већ",
    "sv": "och i att det som en på är av för med den till inte om ett har de så men var jag från vi kan man eller sig "
    "när ut hade vid också efter",
    "tr": "ve bir bu da de için ile çok daha olarak ne gibi en olan var o ama kadar sonra değil ya her şey mi diye ise",
    "uk": "і в не на що з та до у за як це від для про він але його я вона також або так ми є після при їх коли вже",
    "ur": "کے میں کی ہے اور سے کا کو پر یہ کہ ہیں نے ایک لیے بھی تھا نہیں اس کر تو گیا ہو ہی یا جو اپنے",
    "vi": "và của là có không được trong cho các người với một đã này những để khi từ đến cũng ra như về vào sẽ bị",
}
"""By ISO 639-1 code, in small letters."""
